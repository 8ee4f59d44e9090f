package io.tidemark.client;

import java.time.Duration;

/**
 * The bounds of a {@link KafkaTidemarkClient}.
 *
 * @param openRequests how many requests may be open, 1 or more. A request is open until the callbacks of its result
 *     have run
 * @param unsentBytes  how many bytes of requests may wait for the acknowledgement of the broker. It must be less than
 *     the producer's {@code buffer.memory}, which is 32 MiB by default; otherwise records wait for the producer
 * @param streamBytes  how many bytes of streamed text may wait for subscribers. Beyond it, a stream gets the rest of
 *     its text with the result
 * @param time         how long a request may be open. The service continues with a request that takes longer
 */
public record Limits(int openRequests, long unsentBytes, long streamBytes, Duration time) {

    /** The default: 10,000 requests, 16 MiB to send, 64 MiB of streamed text, five minutes. */
    public static final Limits DEFAULT = new Limits(10_000, 16L << 20, 64L << 20, Duration.ofMinutes(5));

    private static final Duration LONGEST = Duration.ofDays(36500);

    public Limits {
        if (openRequests < 1 || unsentBytes < 1 || streamBytes < 1 || time.isNegative() || time.isZero()) {
            throw new IllegalArgumentException("limits must be positive: " + openRequests + " open requests, "
                    + unsentBytes + " and " + streamBytes + " bytes, " + time);
        }
    }

    /** The nanoseconds of a time, at most 100 years, so that sums do not overflow. */
    static long nanos(Duration time) {
        return time.compareTo(LONGEST) < 0 ? time.toNanos() : LONGEST.toNanos();
    }

    public Limits withOpenRequests(int count) {
        return new Limits(count, unsentBytes, streamBytes, time);
    }

    public Limits withUnsentBytes(long bytes) {
        return new Limits(openRequests, bytes, streamBytes, time);
    }

    public Limits withStreamBytes(long bytes) {
        return new Limits(openRequests, unsentBytes, bytes, time);
    }

    public Limits withTime(Duration longest) {
        return new Limits(openRequests, unsentBytes, streamBytes, longest);
    }
}
