package io.tidemark.torch;

import ai.djl.pytorch.jni.JniUtils;

/**
 * Prepares each thread that calls libtorch, once: gradients and the number of threads inside an operator are settings of the
 * calling thread. Safe for use by several threads.
 */
final class CallingThreads {

    private final int width;
    private final ThreadLocal<Boolean> prepared = ThreadLocal.withInitial(() -> false);

    /** libtorch's own choice, read before anything has changed it. */
    private static final class OwnChoice {
        private static final int THREADS = JniUtils.getNumThreads();
    }

    /** @param width threads inside an operator; 0 leaves libtorch's own choice */
    CallingThreads(int width) {
        int own = OwnChoice.THREADS;
        this.width = width > 0 ? width : own;
    }

    /** To be called before each call. */
    void prepare() {
        if (!prepared.get()) {
            computeTogether();
        }
    }

    void computeTogether() {
        prepare(width);
    }

    /** The calling thread computes alone, and behind others. */
    void stepBack() {
        NativeThread.stepBack();
        computeAlone();
    }

    /**
     * The calling thread computes by itself alone. A second team of OpenMP's threads would do more than take time of the
     * first: libgomp, once it has more threads than there are cores, lets all of them sleep between two products.
     */
    void computeAlone() {
        prepare(1);
    }

    private void prepare(int threads) {
        // recording gradients makes a step of 3,000 small operations a fifth longer
        JniUtils.setGradMode(false);
        JniUtils.setNumThreads(threads);
        prepared.set(true);
    }
}
