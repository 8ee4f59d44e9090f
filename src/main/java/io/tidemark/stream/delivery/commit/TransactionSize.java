package io.tidemark.stream.delivery.commit;

/**
 * How many bytes a transaction of results may have: 16 MiB, and less after failures. 16 MiB pass a link of 20 Mbit/s in
 * 6.7 s. The producer expires a record after 8 s, and the brokers abort a transaction after 10 s. 16 MiB also fit the
 * memory of a producer (32 MiB) beside a record of the largest size.
 *
 * <p>Written by the thread that runs transactions, read by the thread that polls.
 */
final class TransactionSize {

    static final long MAX_BYTES = 16 << 20;
    private static final long MIN_BYTES = 64 << 10;

    private volatile long limit = MAX_BYTES;

    /** Bytes of the next transaction. A single answer may have more. */
    long limit() {
        return limit;
    }

    /** A transaction has failed by its size, or has taken too long: the next one has at most half of its bytes. */
    void failed(long bytes) {
        limit = Math.max(MIN_BYTES, Math.min(limit, bytes) / 2);
    }

    /** A transaction was committed. One that has used more than half of the limit doubles it. */
    void committed(long bytes) {
        if (2 * bytes > limit) {
            limit = Math.min(MAX_BYTES, 2 * limit);
        }
    }
}
