package io.tidemark.stream.worker;

import java.util.OptionalDouble;

/**
 * The tokens per second that a worker can process: the mean rate while it was saturated, which is while requests waited
 * for it. At any other time the rate is that of the load. The mean is over about the last {@value #WINDOW_SECONDS} s of
 * saturated time, with prompts and completions as they came. It remains when the worker is no longer saturated. Not
 * thread-safe.
 */
final class Capacity {

    static final double MIN_SECONDS = 15;
    static final double WINDOW_SECONDS = 60;

    /** A longer time between two samples says nothing about the time between them. */
    private static final double MAX_GAP_SECONDS = 5;

    private long lastNanos;
    private long lastTokens;
    private boolean lastSaturated;
    /** Of saturated time; older time counts less. */
    private double seconds;

    private double tokens;

    /**
     * A look at the worker, about once a second.
     *
     * @param nanos     the time, as of {@link System#nanoTime}
     * @param processed tokens processed since the start
     * @param saturated whether a request waits for another one to end
     */
    void sample(long nanos, long processed, boolean saturated) {
        double elapsed = (nanos - lastNanos) / 1e9;
        if (saturated && lastSaturated && elapsed <= MAX_GAP_SECONDS) {
            seconds += elapsed;
            tokens += processed - lastTokens;
            double kept = Math.min(1, WINDOW_SECONDS / seconds);
            seconds *= kept;
            tokens *= kept;
        }
        lastNanos = nanos;
        lastTokens = processed;
        lastSaturated = saturated;
    }

    /** Empty before {@value #MIN_SECONDS} s of saturated time. */
    OptionalDouble tokensPerSecond() {
        return seconds < MIN_SECONDS ? OptionalDouble.empty() : OptionalDouble.of(tokens / seconds);
    }
}
