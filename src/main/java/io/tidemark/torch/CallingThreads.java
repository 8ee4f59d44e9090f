package io.tidemark.torch;

import ai.djl.pytorch.jni.JniUtils;

/**
 * Prepares each thread that calls libtorch: gradients and the number of threads inside an operator are settings of the
 * calling thread. Safe for use by several threads.
 */
final class CallingThreads {

    private final int width;
    /** The threads inside an operator that the calling thread has asked for; 0 before its first call. */
    private final ThreadLocal<Integer> prepared = ThreadLocal.withInitial(() -> 0);

    /** libtorch's own choice, read before anything has changed it. */
    private static final class OwnChoice {
        private static final int THREADS = JniUtils.getNumThreads();
    }

    /** @param width threads inside an operator; 0 takes libtorch's own choice */
    CallingThreads(int width) {
        int own = OwnChoice.THREADS;
        this.width = width > 0 ? width : own;
    }

    /** The most threads inside an operator. */
    int width() {
        return width;
    }

    /** To be called before each call. */
    void prepare() {
        if (prepared.get() == 0) {
            setThreads(width);
        }
    }

    /** Gives the calling thread a lower priority, and its operators no other thread. */
    void lowerThreadPriority() {
        NativeThread.lowerThreadPriority();
        setThreads(1);
    }

    /**
     * Sets how many threads the operators of the calling thread use. Returns at once where it is so already.
     *
     * <p>libgomp keeps a team of threads for each thread that has asked for more than one. When all teams together have more
     * threads than there are processors, all of them sleep at every barrier.
     */
    void setThreads(int threads) {
        if (prepared.get() == threads) {
            return;
        }
        // Recording gradients makes a step of 3,000 small operations a fifth longer.
        JniUtils.setGradMode(false);
        // A thread's first parallel loop takes the number that any thread has set last. Asking for it brings that
        // forward.
        JniUtils.getNumThreads();
        JniUtils.setNumThreads(threads);
        prepared.set(threads);
    }
}
