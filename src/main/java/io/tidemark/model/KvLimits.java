package io.tidemark.model;

/**
 * What a {@link KvPool} may hold.
 *
 * @param bytes         keys and values in all, those of kept prefixes included
 * @param slotsPerBlock the most slots of a block, 1 or more: rows of one block can share an attention call, so as many as
 *                      run together is best
 * @param prefixBytes   the part of it that kept prefixes may take while no sequence needs it; 0 keeps none
 */
public record KvLimits(long bytes, int slotsPerBlock, long prefixBytes) {

    public KvLimits {
        if (bytes < 1 || slotsPerBlock < 1 || prefixBytes < 0) {
            throw new IllegalArgumentException("bytes and slotsPerBlock must be at least 1, prefixBytes at least 0: "
                    + bytes + ", " + slotsPerBlock + ", " + prefixBytes);
        }
    }
}
