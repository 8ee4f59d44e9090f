package io.tidemark.stream.topics;

/**
 * How much a consumer reads at once, so that it fits into the heap.
 *
 * @param pollRecords    most records of one poll; a compressed batch is decompressed record by record
 * @param fetchBytes     most bytes of one response of a broker, unless its first batch is larger
 * @param completeBytes  most bytes of a value that is read completely. Of a longer value only the part that a dead
 *                       letter keeps is copied to the heap; {@code serializedValueSize} of the record has its size.
 */
public record ReadLimits(int pollRecords, int fetchBytes, int completeBytes) {

    public ReadLimits {
        if (pollRecords < 1 || fetchBytes < 1 || completeBytes < 1) {
            throw new IllegalArgumentException(
                    "limits must be positive: " + pollRecords + ", " + fetchBytes + ", " + completeBytes);
        }
    }
}
