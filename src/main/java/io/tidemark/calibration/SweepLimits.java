package io.tidemark.calibration;

/**
 * Limits on the memory and the threads of a sweep.
 *
 * @param tokensPerBatch tokens of the examples in a batch, padding included; the memory of a sweep is proportional to
 *                       this times the number of layers plus two
 * @param threads        threads of {@link SweepRun#run}. Each thread has a batch of its own if {@code tokensPerBatch}
 *                       is large enough for one batch per thread; otherwise several threads share the operations of a
 *                       batch
 */
public record SweepLimits(int tokensPerBatch, int threads) {

    public static final SweepLimits DEFAULT = new SweepLimits(1024);

    public SweepLimits {
        if (tokensPerBatch < 1 || threads < 1) {
            throw new IllegalArgumentException(
                    "tokensPerBatch and threads must be at least 1: " + tokensPerBatch + ", " + threads);
        }
    }

    public SweepLimits(int tokensPerBatch) {
        this(tokensPerBatch, 1);
    }
}
