package io.tidemark.model;

import java.util.Set;

/**
 * The rotary embedding that {@code config.json} asks for, in the spelling of transformers 4 ({@code rope_theta} and
 * {@code rope_scaling}) or 5 ({@code rope_parameters}). Types and fields that are not applied are refused by name.
 */
final class RotaryReader {

    private static final Set<String> COMMON = Set.of("rope_type", "type", "rope_theta");

    private final JsonFields parameters;
    private final double theta;
    private final int contextLength;

    private RotaryReader(JsonFields parameters, double theta, int contextLength) {
        this.parameters = parameters;
        this.theta = theta;
        this.contextLength = contextLength;
    }

    /** @param contextLength what the original context length is where no field names it, as in transformers */
    static RotaryEmbedding read(JsonFields config, int contextLength) {
        JsonFields scaling = config.object("rope_scaling");
        // transformers 5 reads the old field first where a file has both.
        JsonFields parameters = scaling.root().isEmpty() ? config.object("rope_parameters") : scaling;
        double theta = parameters.positive("rope_theta", config.positive("rope_theta", 10_000));
        return new RotaryReader(parameters, theta, contextLength).embedding();
    }

    private RotaryEmbedding embedding() {
        String type = parameters.text("rope_type", parameters.text("type", "default"));
        return switch (type) {
            case "default" -> plain();
            case "linear" -> linear();
            case "llama3" -> llama3();
            case "yarn" -> yarn();
            default -> throw ModelRefused.unsupported(parameters.file(), "rope_type", type);
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
                COMMON, Set.of("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"));
        return new RotaryEmbedding.Llama3(
                theta,
                required("factor"),
                required("low_freq_factor"),
                required("high_freq_factor"),
                originalContextLength());
    }

    private RotaryEmbedding yarn() {
        // "finetuned" only tells how the model was made.
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
        return new YarnEmbedding(
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
            return YarnEmbedding.attentionFactor(
                    factor, parameters.positive("mscale", 1), parameters.positive("mscale_all_dim", 1));
        }
        return YarnEmbedding.attentionFactor(factor);
    }

    private double originalContextLength() {
        return parameters.positive("original_max_position_embeddings", contextLength);
    }

    private double required(String field) {
        if (!parameters.has(field)) {
            throw ModelRefused.broken(parameters.file(), "rope field " + field + " is missing");
        }
        return parameters.positive(field, 1);
    }
}
