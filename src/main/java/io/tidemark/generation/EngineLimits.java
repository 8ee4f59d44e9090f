package io.tidemark.generation;

/**
 * Limits of an engine, over all its instances.
 *
 * @param maxNumSeqs           maximum number of running sequences, 1 or more
 * @param prefillTokensPerStep maximum number of prompt tokens per step, divided equally among the instances and rounded
 *                             up; at least {@code Decoder.chunkTokens()} for each instance
 * @param kvBytes              bytes for keys and values of all sequences and cached prefixes, 1 or more
 * @param prefixBytes          part of {@code kvBytes} that cached prefixes may use while no sequence needs it; 0
 *                             disables the prefix cache
 */
public record EngineLimits(int maxNumSeqs, int prefillTokensPerStep, long kvBytes, long prefixBytes) {

    public EngineLimits {
        if (maxNumSeqs < 1 || prefillTokensPerStep < 1 || kvBytes < 1 || prefixBytes < 0) {
            throw new IllegalArgumentException(
                    "maxNumSeqs, prefillTokensPerStep and kvBytes must be at least 1, prefixBytes at least 0: "
                            + maxNumSeqs + ", " + prefillTokensPerStep + ", " + kvBytes + ", " + prefixBytes);
        }
    }

    /** Limits without a prefix cache, for measurements: every prompt is computed. */
    public EngineLimits(int maxNumSeqs, int prefillTokensPerStep, long kvBytes) {
        this(maxNumSeqs, prefillTokensPerStep, kvBytes, 0);
    }
}
