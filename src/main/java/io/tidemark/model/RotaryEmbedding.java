package io.tidemark.model;

/** How positions turn into rotation angles: position times one of {@code headDim / 2} inverse frequencies. */
public sealed interface RotaryEmbedding {

    /** Base of the geometric series of frequencies. */
    double theta();

    /** Inverse frequencies {@code [headDim / 2]}, in the single precision that transformers computes them in. */
    float[] inverseFrequencies(int headDim);

    /** Su et al. 2021, RoFormer. */
    record Plain(double theta) implements RotaryEmbedding {
        @Override
        public float[] inverseFrequencies(int headDim) {
            float[] frequencies = new float[headDim / 2];
            for (int i = 0; i < frequencies.length; i++) {
                frequencies[i] = (float) (1.0 / (float) Math.pow(theta, (float) (2 * i) / headDim));
            }
            return frequencies;
        }
    }

    /**
     * Llama 3.1's scaling: low frequencies are divided by the factor, high ones kept, and those between interpolated
     * (transformers, {@code _compute_llama3_parameters}).
     */
    record Llama3(double theta, double factor, double lowFrequencyFactor, double highFrequencyFactor,
            double originalContextLength) implements RotaryEmbedding {
        @Override
        public float[] inverseFrequencies(int headDim) {
            float[] frequencies = new Plain(theta).inverseFrequencies(headDim);
            for (int i = 0; i < frequencies.length; i++) {
                frequencies[i] = scaled(frequencies[i]);
            }
            return frequencies;
        }

        private float scaled(float frequency) {
            double wavelength = 2 * Math.PI / frequency;
            if (wavelength > originalContextLength / lowFrequencyFactor) {
                return (float) (frequency / factor);
            }
            if (wavelength < originalContextLength / highFrequencyFactor) {
                return frequency;
            }
            double smooth = (originalContextLength / wavelength - lowFrequencyFactor)
                    / (highFrequencyFactor - lowFrequencyFactor);
            return (float) ((1 - smooth) * frequency / factor + smooth * frequency);
        }
    }
}
