package io.tidemark.load;

import java.util.OptionalDouble;

/**
 * The tokens per second that a worker can process: the mean rate while it was saturated, which is while no further
 * sequence fits. At any other time the rate is that of the load, which is a lower bound: a higher one over
 * {@value #MIN_SECONDS} s replaces the mean, so that a measurement while adapters were loaded does not remain. The
 * mean is over about the last {@value #WINDOW_SECONDS} s of saturated time, with prompts and completions as they came.
 * It remains when the worker is no longer saturated. Not thread-safe.
 */
final class Capacity {

    static final double MIN_SECONDS = 15;
    static final double WINDOW_SECONDS = 60;

    /** A longer time between two samples says nothing about the time between them. */
    private static final double MAX_GAP_SECONDS = 5;

    private final Window saturatedTime = new Window(WINDOW_SECONDS);
    /** The time since the last saturated time. */
    private final Window otherTime = new Window(MIN_SECONDS);

    private boolean sampled;
    private long lastNanos;
    private long lastTokens;
    private boolean lastSaturated;

    /** Tokens and seconds; older time counts less. */
    private static final class Window {

        private final double length;
        private double seconds;
        private double tokens;

        private Window(double length) {
            this.length = length;
        }

        private void add(double newSeconds, double newTokens) {
            seconds += newSeconds;
            tokens += newTokens;
            double kept = Math.min(1, length / seconds);
            seconds *= kept;
            tokens *= kept;
        }

        private void clear() {
            seconds = 0;
            tokens = 0;
        }

        /** The tokens per second; empty if too little time has been measured, or no token in it. */
        private OptionalDouble rate() {
            // the sum of many steps may be just below the length
            return seconds < MIN_SECONDS - 1e-6 || tokens <= 0
                    ? OptionalDouble.empty()
                    : OptionalDouble.of(tokens / seconds);
        }
    }

    /**
     * Adds the time since the last call. Called about once a second.
     *
     * @param nanos     the time since an arbitrary moment
     * @param processed tokens processed since the start
     * @param saturated whether no further sequence fits
     */
    void sample(long nanos, long processed, boolean saturated) {
        double seconds = (nanos - lastNanos) / 1e9;
        double tokens = processed - lastTokens;
        if (!sampled || seconds > MAX_GAP_SECONDS) {
            otherTime.clear();
        } else if (saturated && lastSaturated) {
            otherTime.clear();
            saturatedTime.add(seconds, tokens);
        } else {
            otherTime.add(seconds, tokens);
            raise();
        }
        sampled = true;
        lastNanos = nanos;
        lastTokens = processed;
        lastSaturated = saturated;
    }

    private void raise() {
        OptionalDouble measured = saturatedTime.rate();
        OptionalDouble load = otherTime.rate();
        if (measured.isPresent() && load.isPresent() && load.getAsDouble() > measured.getAsDouble()) {
            saturatedTime.tokens = load.getAsDouble() * saturatedTime.seconds;
        }
    }

    /** The capacity; empty before {@value #MIN_SECONDS} s of saturated time, and if no token was processed in it. */
    OptionalDouble tokensPerSecond() {
        return saturatedTime.rate();
    }
}
