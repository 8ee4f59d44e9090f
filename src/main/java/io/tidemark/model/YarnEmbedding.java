package io.tidemark.model;

/**
 * YaRN (Peng et al. 2023): high frequencies are kept, low ones divided by the factor, those between blended by a ramp
 * over the dimensions, and queries and keys scaled (transformers, {@code _compute_yarn_parameters}).
 *
 * @param attentionFactor what cosines and sines are multiplied by, see {@link #attentionFactor(double, double, double)}
 * @param betaFast        rotations over the original context from which a dimension keeps its frequency
 * @param betaSlow        rotations up to which a dimension's frequency is divided by the factor
 * @param truncate        whether the ramp begins and ends at whole dimensions
 */
record YarnEmbedding(
        double theta,
        double factor,
        double originalContextLength,
        double attentionFactor,
        double betaFast,
        double betaSlow,
        boolean truncate)
        implements RotaryEmbedding {

    /** The ramp's width where it would have none. */
    private static final double LEAST_RAMP = 0.001;

    /** The factor that the paper recommends: 0.1 ln(factor) + 1. */
    static double attentionFactor(double factor) {
        return magnitude(factor, 1);
    }

    /** The factor of models that name {@code mscale} and {@code mscale_all_dim}. */
    static double attentionFactor(double factor, double scale, double scaleOfAllDimensions) {
        return magnitude(factor, scale) / magnitude(factor, scaleOfAllDimensions);
    }

    private static double magnitude(double factor, double scale) {
        return factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1;
    }

    @Override
    public float[] inverseFrequencies(int headDim) {
        double from = dimensionOf(betaFast, headDim);
        double to = dimensionOf(betaSlow, headDim);
        double low = Math.max(truncate ? Math.floor(from) : from, 0);
        double high = Math.min(truncate ? Math.ceil(to) : to, headDim - 1);
        double width = low == high ? LEAST_RAMP : high - low;
        float[] frequencies = new float[headDim / 2];
        for (int i = 0; i < frequencies.length; i++) {
            float wavelength = (float) Math.pow(theta, (float) (2 * i) / headDim);
            float kept = 1 - Math.min(Math.max((i - (float) low) / (float) width, 0), 1);
            frequencies[i] = 1 / ((float) factor * wavelength) * (1 - kept) + 1 / wavelength * kept;
        }
        return frequencies;
    }

    /** The dimension that turns so often over the original context; it need not be whole. */
    private double dimensionOf(double rotations, int headDim) {
        return headDim * Math.log(originalContextLength / (rotations * 2 * Math.PI)) / (2 * Math.log(theta));
    }
}
