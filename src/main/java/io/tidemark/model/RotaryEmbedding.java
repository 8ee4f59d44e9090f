package io.tidemark.model;

/** How positions turn into rotation angles: position times one of {@code headDim / 2} inverse frequencies. */
public sealed interface RotaryEmbedding
        permits RotaryEmbedding.Plain, RotaryEmbedding.Linear, RotaryEmbedding.Llama3, YarnEmbedding {

    /**
     * Inverse frequencies {@code [headDim / 2]}, each operation in the single precision of transformers: at position
     * 10,000 the last bit of a frequency is a visible part of an angle.
     */
    float[] inverseFrequencies(int headDim);

    /** What cosines and sines are multiplied by. */
    default double attentionFactor() {
        return 1;
    }

    /** Su et al. 2021, RoFormer. */
    record Plain(double theta) implements RotaryEmbedding {
        @Override
        public float[] inverseFrequencies(int headDim) {
            float[] frequencies = new float[headDim / 2];
            for (int i = 0; i < frequencies.length; i++) {
                frequencies[i] = 1 / (float) Math.pow(theta, (float) (2 * i) / headDim);
            }
            return frequencies;
        }
    }

    /** All positions divided by the factor (transformers, {@code _compute_linear_scaling_rope_parameters}). */
    record Linear(double theta, double factor) implements RotaryEmbedding {
        @Override
        public float[] inverseFrequencies(int headDim) {
            float[] frequencies = new Plain(theta).inverseFrequencies(headDim);
            for (int i = 0; i < frequencies.length; i++) {
                frequencies[i] /= (float) factor;
            }
            return frequencies;
        }
    }

    /**
     * Llama 3.1's scaling: low frequencies are divided by the factor, high ones kept, and those between interpolated
     * (transformers, {@code _compute_llama3_parameters}).
     */
    record Llama3(
            double theta,
            double factor,
            double lowFrequencyFactor,
            double highFrequencyFactor,
            double originalContextLength)
            implements RotaryEmbedding {
        @Override
        public float[] inverseFrequencies(int headDim) {
            float[] frequencies = new Plain(theta).inverseFrequencies(headDim);
            for (int i = 0; i < frequencies.length; i++) {
                frequencies[i] = scaled(frequencies[i]);
            }
            return frequencies;
        }

        private float scaled(float frequency) {
            float wavelength = (float) (2 * Math.PI) / frequency;
            if (wavelength > (float) (originalContextLength / lowFrequencyFactor)) {
                return frequency / (float) factor;
            }
            if (wavelength < (float) (originalContextLength / highFrequencyFactor)) {
                return frequency;
            }
            float smooth = ((float) originalContextLength / wavelength - (float) lowFrequencyFactor)
                    / (float) (highFrequencyFactor - lowFrequencyFactor);
            return (1 - smooth) * frequency / (float) factor + smooth * frequency;
        }
    }
}
