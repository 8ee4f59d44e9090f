package io.tidemark.calibration;

/**
 * How much a sweep holds at once.
 *
 * @param tokensPerBatch tokens of examples, padding included, that go through the layers together; memory grows with
 *                       this times the layers plus two
 */
public record SweepLimits(int tokensPerBatch) {

    public static final SweepLimits DEFAULT = new SweepLimits(1024);

    public SweepLimits {
        if (tokensPerBatch < 1) {
            throw new IllegalArgumentException("tokensPerBatch must be at least 1: " + tokensPerBatch);
        }
    }
}
