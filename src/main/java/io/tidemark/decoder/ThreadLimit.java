package io.tidemark.decoder;

/**
 * A time limit for a step with several threads, which wait for each other several hundred times. If another process
 * uses one of their processors, a step can take a hundred times as long as it does otherwise. When a step exceeds the
 * limit, its other layers run with fewer threads.
 *
 * <p>Belongs to one step. Used by the thread that runs it.
 */
public final class ThreadLimit {

    /** In this part of the limit a step is not judged: the host may delay any thread for a few milliseconds. */
    private static final double UNJUDGED = 0.5;

    private final double nanos;
    private final int fewerThreads;
    private boolean exceeded;

    /**
     * @param nanos        the longest duration of the whole step with all threads, in nanoseconds
     * @param fewerThreads the threads with which it continues when it would take longer, at least 1
     */
    public ThreadLimit(double nanos, int fewerThreads) {
        this.nanos = nanos;
        this.fewerThreads = fewerThreads;
    }

    /** The longest duration of the whole step with all threads, in nanoseconds. */
    public double nanos() {
        return nanos;
    }

    /** Whether the step has continued with fewer threads. */
    public boolean isExceeded() {
        return exceeded;
    }

    /**
     * Judges the step by its duration until now. The layers of a model take about the same time.
     *
     * @param part  the part of the layers that have run, above 0
     * @param taken the nanoseconds that they took
     */
    public void judge(double part, double taken) {
        exceeded |= taken > UNJUDGED * nanos && taken > part * nanos;
    }

    int fewerThreads() {
        return fewerThreads;
    }
}
