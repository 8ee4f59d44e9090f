package io.tidemark.calibration.sweep;

/**
 * Limits on the slices and the threads of a sweep.
 *
 * @param tokensPerSlice tokens of a slice times the layers that they go through, or the tokens of one layer. The script
 *                       takes an example as a whole, however long it is; the native path divides it. The batches of all
 *                       threads have this many tokens together, or one example each
 * @param threads        threads of {@link SweepRun#run}. Each thread has a batch of its own if {@code tokensPerSlice}
 *                       is large enough for one batch per thread; otherwise several threads share the operations of a
 *                       batch
 */
public record SweepLimits(int tokensPerSlice, int threads) {

    public static final SweepLimits DEFAULT = new SweepLimits(1024);

    public SweepLimits {
        if (tokensPerSlice < 1 || threads < 1) {
            throw new IllegalArgumentException(
                    "tokensPerSlice and threads must be at least 1: " + tokensPerSlice + ", " + threads);
        }
    }

    public SweepLimits(int tokensPerSlice) {
        this(tokensPerSlice, 1);
    }
}
