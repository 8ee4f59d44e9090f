package io.tidemark.model;

import java.util.Set;

/** A rotary position embedding: the rotation angles are the position times {@code headDim / 2} inverse frequencies. */
public sealed interface RotaryEmbedding
        permits RotaryEmbedding.Plain, RotaryEmbedding.Linear, RotaryEmbedding.Llama3, RotaryEmbedding.Yarn {

    /**
     * Inverse frequencies {@code [headDim / 2]}. Each operation is rounded to float32 as in transformers: at position
     * 10,000 the last bit of a frequency changes the angle noticeably.
     */
    float[] inverseFrequencies(int headDim);

    /** Factor of cosines and sines. */
    default double attentionFactor() {
        return 1;
    }

    /** The frequencies of RoFormer (Su et al. 2021), without scaling. */
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

    /** Divides all positions by the factor (transformers, {@code _compute_linear_scaling_rope_parameters}). */
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
     * The scaling of Llama 3.1 (transformers, {@code _compute_llama3_parameters}): divides low frequencies by the
     * factor, keeps high ones, and interpolates between them.
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

    /**
     * YaRN (Peng et al. 2023; transformers, {@code _compute_yarn_parameters}): keeps high frequencies, divides low ones
     * by the factor, interpolates between them with a ramp over the dimensions, and scales queries and keys.
     *
     * @param attentionFactor factor of cosines and sines, see {@link #attentionFactor(double, double, double)}
     * @param betaFast        a dimension with at least this many rotations over the original context keeps its
     *                        frequency
     * @param betaSlow        the frequency of a dimension with at most this many rotations is divided by the factor
     * @param truncate        whether the ramp is rounded to whole dimensions
     */
    record Yarn(
            double theta,
            double factor,
            double originalContextLength,
            double attentionFactor,
            double betaFast,
            double betaSlow,
            boolean truncate)
            implements RotaryEmbedding {

        /** The width of a ramp without width. */
        private static final double MIN_RAMP = 0.001;

        /** The factor recommended in the paper: 0.1 ln(factor) + 1. */
        static double attentionFactor(double factor) {
            return magnitude(factor, 1);
        }

        /** The factor of models with {@code mscale} and {@code mscale_all_dim}. */
        static double attentionFactor(double factor, double scale, double allDimensionsScale) {
            return magnitude(factor, scale) / magnitude(factor, allDimensionsScale);
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
            double width = low == high ? MIN_RAMP : high - low;
            float[] frequencies = new float[headDim / 2];
            for (int i = 0; i < frequencies.length; i++) {
                float wavelength = (float) Math.pow(theta, (float) (2 * i) / headDim);
                float kept = 1 - Math.min(Math.max((i - (float) low) / (float) width, 0), 1);
                frequencies[i] = 1 / ((float) factor * wavelength) * (1 - kept) + 1 / wavelength * kept;
            }
            return frequencies;
        }

        /** The dimension, a real number, with this many rotations over the original context. */
        private double dimensionOf(double rotations, int headDim) {
            return headDim * Math.log(originalContextLength / (rotations * 2 * Math.PI)) / (2 * Math.log(theta));
        }
    }

    /**
     * Reads the rotary embedding from {@code config.json}: {@code rope_theta} and {@code rope_scaling} (transformers 4)
     * or {@code rope_parameters} (transformers 5).
     *
     * @param contextLength the original context length if no field defines it, as in transformers
     * @throws InvalidModelException if the type or a field is not supported
     */
    static RotaryEmbedding read(JsonFields config, int contextLength) {
        JsonFields scaling = config.object("rope_scaling");
        // If both fields are present, transformers 5 reads the old one.
        JsonFields parameters = scaling.root().isEmpty() ? config.object("rope_parameters") : scaling;
        double theta = parameters.positive("rope_theta", config.positive("rope_theta", 10_000));
        return new Reader(parameters, theta, contextLength).embedding();
    }

    /** Reads the parameters of one embedding. */
    final class Reader {

        private static final Set<String> COMMON = Set.of("rope_type", "type", "rope_theta");

        private final JsonFields parameters;
        private final double theta;
        private final int contextLength;

        private Reader(JsonFields parameters, double theta, int contextLength) {
            this.parameters = parameters;
            this.theta = theta;
            this.contextLength = contextLength;
        }

        private RotaryEmbedding embedding() {
            String type = parameters.text("rope_type", parameters.text("type", "default"));
            return switch (type) {
                case "default" -> plain();
                case "linear" -> linear();
                case "llama3" -> llama3();
                case "yarn" -> yarn();
                default -> throw InvalidModelException.unsupported(parameters.file(), "rope_type", type);
            };
        }

        private RotaryEmbedding plain() {
            parameters.refuseOthers(COMMON);
            return new RotaryEmbedding.Plain(theta);
        }

        private RotaryEmbedding linear() {
            parameters.refuseOthers(COMMON, Set.of("factor"));
            return new RotaryEmbedding.Linear(theta, required("factor"));
        }

        private RotaryEmbedding llama3() {
            parameters.refuseOthers(
                    COMMON,
                    Set.of("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"));
            return new RotaryEmbedding.Llama3(
                    theta,
                    required("factor"),
                    required("low_freq_factor"),
                    required("high_freq_factor"),
                    originalContextLength());
        }

        private RotaryEmbedding yarn() {
            // "finetuned" has no effect on inference.
            parameters.refuseOthers(
                    COMMON,
                    Set.of(
                            "factor",
                            "original_max_position_embeddings",
                            "attention_factor",
                            "beta_fast",
                            "beta_slow",
                            "mscale",
                            "mscale_all_dim",
                            "truncate",
                            "finetuned"));
            double factor = required("factor");
            return new Yarn(
                    theta,
                    factor,
                    originalContextLength(),
                    parameters.positive("attention_factor", attentionFactor(factor)),
                    parameters.positive("beta_fast", 32),
                    parameters.positive("beta_slow", 1),
                    parameters.flag("truncate", true));
        }

        private double attentionFactor(double factor) {
            if (parameters.has("mscale") && parameters.has("mscale_all_dim")) {
                return Yarn.attentionFactor(
                        factor, parameters.positive("mscale", 1), parameters.positive("mscale_all_dim", 1));
            }
            return Yarn.attentionFactor(factor);
        }

        private double originalContextLength() {
            return parameters.positive("original_max_position_embeddings", contextLength);
        }

        private double required(String field) {
            if (!parameters.has(field)) {
                throw InvalidModelException.broken(parameters.file(), "rope field " + field + " is missing");
            }
            return parameters.positive(field, 1);
        }
    }
}
