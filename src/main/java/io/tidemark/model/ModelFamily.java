package io.tidemark.model;

import java.util.List;
import java.util.OptionalInt;
import java.util.Set;

/**
 * The architectures whose decoder is the one of {@code layer.torchscript}, and what each has of its own. Where a field
 * is absent from {@code config.json} it means what transformers 5 takes it to mean for the family.
 */
enum ModelFamily {
    LLAMA("llama", 0, 2048, Set.of("attention_bias", "mlp_bias")),
    MISTRAL("mistral", 8, 131_072, Set.of("sliding_window")),
    QWEN2("qwen2", 32, 32_768, Set.of("sliding_window", "use_sliding_window", "max_window_layers")),
    QWEN3("qwen3", 32, 32_768, Set.of("attention_bias", "sliding_window", "use_sliding_window", "max_window_layers"));

    private final String modelType;
    private final int kvHeads;
    private final int contextLength;
    private final Set<String> fields;

    /** @param kvHeads 0 for as many as there are query heads */
    ModelFamily(String modelType, int kvHeads, int contextLength, Set<String> fields) {
        this.modelType = modelType;
        this.kvHeads = kvHeads;
        this.contextLength = contextLength;
        this.fields = fields;
    }

    static ModelFamily of(JsonFields config) {
        String type = config.text("model_type", "(absent)");
        for (ModelFamily family : values()) {
            if (family.modelType.equals(type)) {
                return family;
            }
        }
        throw ModelRefused.unsupported(config.file(), "model_type", type);
    }

    /** Fields of {@code config.json} that only this family reads. */
    Set<String> fields() {
        return fields;
    }

    int kvHeads(JsonFields config, int heads) {
        boolean absent = !config.root().has("num_key_value_heads");
        return config.count("num_key_value_heads", absent && kvHeads > 0 ? kvHeads : heads);
    }

    int headDim(JsonFields config, int hiddenSize, int heads) {
        boolean absent = !config.root().has("head_dim");
        return config.count("head_dim", this == QWEN3 && absent ? 128 : Math.max(1, hiddenSize / heads));
    }

    int contextLength(JsonFields config) {
        return config.count("max_position_embeddings", contextLength);
    }

    LinearBiases biases(JsonFields config) {
        return switch (this) {
            case LLAMA ->
                new LinearBiases(
                        config.flag("attention_bias", false),
                        config.flag("attention_bias", false),
                        config.flag("mlp_bias", false));
            case MISTRAL -> new LinearBiases(false, false, false);
            case QWEN2 -> new LinearBiases(true, false, false);
            case QWEN3 ->
                new LinearBiases(config.flag("attention_bias", false), config.flag("attention_bias", false), false);
        };
    }

    /** Whether each query and key head is normalised before it is rotated. */
    boolean headNorms() {
        return this == QWEN3;
    }

    /** How many tokens each layer's attention sees, the token itself included; empty for all. */
    List<OptionalInt> windows(JsonFields config, int layers) {
        return switch (this) {
            case LLAMA -> LayerWindows.same(config, OptionalInt.empty(), layers);
            case MISTRAL -> LayerWindows.same(config, LayerWindows.size(config), layers);
            case QWEN2, QWEN3 -> LayerWindows.byType(config, layers);
        };
    }
}
