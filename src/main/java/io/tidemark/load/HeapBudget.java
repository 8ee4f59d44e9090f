package io.tidemark.load;

/**
 * How the heap of a worker is divided among requests, in bytes. The other half of the heap is for the rest of the
 * process and for the collector.
 *
 * <table>
 *   <caption>Shares of the maximum heap</caption>
 *   <tr><td>fetched</td><td>1/8</td><td>responses of brokers that the consumer has not returned yet</td></tr>
 *   <tr><td>read</td><td>1/8</td><td>records that were read and have not started</td></tr>
 *   <tr><td>open</td><td>1/4</td><td>requests that run, and answers that are not committed</td></tr>
 * </table>
 *
 * <p>The consumer keeps at most one response for each partition that it reads. A response has at most {@link
 * #maxFetchBytes} or a single batch, which may be larger, up to the largest record of the request topics. Records
 * are read while their share is not used up, so that the last ones may exceed it. A tenant of which no request runs may
 * start one that exceeds the share of open requests.
 *
 * @param maxHeapBytes   the maximum heap of the process, {@link Runtime#maxMemory}
 * @param maxRecordBytes the largest record of the request topics, {@code max.message.bytes}
 */
public record HeapBudget(long maxHeapBytes, int maxRecordBytes) {

    /** The smallest heap with which a worker starts. */
    public static final long MIN_HEAP_BYTES = 128L << 20;

    private static final int MAX_FETCH_BYTES = 1 << 20;
    private static final int MAX_POLL_RECORDS = 32;

    /** @throws IllegalArgumentException if the heap is smaller than {@link #MIN_HEAP_BYTES} */
    public HeapBudget {
        // collectors leave a part of the heap out of the maximum: serial and parallel ones a survivor space
        if (maxHeapBytes < MIN_HEAP_BYTES / 10 * 9) {
            throw new IllegalArgumentException("the heap of " + (maxHeapBytes >> 20)
                    + " MiB is too small for a worker; set -Xmx to " + (MIN_HEAP_BYTES >> 20) + "m or more");
        }
    }

    /** Most bytes of one response of a broker, {@code fetch.max.bytes}, unless its first batch is larger. */
    public int maxFetchBytes() {
        return MAX_FETCH_BYTES;
    }

    /** Most records of one poll: 1 to 32, of which a quarter of the share of read records has space for the largest. */
    public int maxPollRecords() {
        return (int) Math.max(1, Math.min(MAX_POLL_RECORDS, setHeapBytes() / 8 / 4 / maxRecordBytes));
    }

    /** Most bytes of responses that the consumer holds for a number of partitions. */
    public long fetchedBytes(int partitions) {
        return (long) partitions * Math.max(maxFetchBytes(), maxRecordBytes);
    }

    /** The number of partitions whose responses fit into the share of fetched bytes. */
    public int maxPartitions() {
        return (int) (setHeapBytes() / 8 / Math.max(maxFetchBytes(), maxRecordBytes));
    }

    /**
     * An upper estimate of {@code -Xmx}, so that a count is the same with each collector that the JVM chooses itself:
     * the serial one leaves a survivor space, a thirtieth, out of the maximum.
     */
    private long setHeapBytes() {
        return maxHeapBytes + maxHeapBytes / 25;
    }

    /** The maximum heap at which the responses for a number of partitions fit into their share. */
    public long heapFor(int partitions) {
        return fetchedBytes(partitions) * 8;
    }

    /** Bytes of records that were read and have not started, of all partitions. */
    public long readBytes() {
        return maxHeapBytes / 8;
    }

    /**
     * Bytes of the records of one partition that were read and have not started: an equal share, so that one partition
     * can't take all.
     *
     * @param partitions owned partitions
     */
    public long readBytes(int partitions) {
        return readBytes() / Math.max(1, partitions);
    }

    /** Bytes of requests that run and of answers that are not committed. */
    public long openBytes() {
        return maxHeapBytes / 4;
    }
}
