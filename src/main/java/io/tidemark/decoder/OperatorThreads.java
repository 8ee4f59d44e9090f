package io.tidemark.decoder;

import io.tidemark.torch.Torch;

/**
 * The number of threads of the operators that the calling thread runs. In the native path they are threads of the
 * native decoder, and libtorch's other operators use the calling thread only. Thread-safe.
 */
final class OperatorThreads {

    private final Torch torch;
    private final boolean isNative;
    /** The threads of the native decoder; 0 before the first call of a thread. */
    private final ThreadLocal<Integer> nativeThreads = ThreadLocal.withInitial(() -> 0);

    OperatorThreads(Torch torch, boolean isNative) {
        this.torch = torch;
        this.isNative = isNative;
    }

    /** @param threads 1 or more; the calling thread is one of them */
    void set(int threads) {
        if (isNative) {
            nativeThreads.set(threads);
            torch.setThreads(1);
        } else {
            torch.setThreads(threads);
        }
    }

    /**
     * The threads of the next native call, by default those of {@link Torch#threads}. The first call of a thread makes
     * libtorch's other operators single-threaded on it.
     */
    int prepare() {
        if (isNative && nativeThreads.get() == 0) {
            set(torch.threads());
        }
        return Math.max(1, nativeThreads.get());
    }

    /** Lowers the priority of the calling thread permanently and sets the number to 1. */
    void lowerPriority() {
        torch.lowerThreadPriority();
        set(1);
    }
}
