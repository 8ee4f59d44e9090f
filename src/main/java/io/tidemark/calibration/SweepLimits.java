package io.tidemark.calibration;

/**
 * How much a sweep holds and does at once.
 *
 * @param tokensPerBatch tokens of examples, padding included, that go through the layers together; memory grows with
 *                       this times the layers plus two
 * @param threads        threads of a sweep that runs by itself ({@link SweepRun#run}). Each has batches of its own where
 *                       {@code tokensPerBatch} holds one for each, else they share the operations of fewer batches
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
