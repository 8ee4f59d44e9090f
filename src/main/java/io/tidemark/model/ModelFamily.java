package io.tidemark.model;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;

/**
 * The supported architectures. All have the decoder layer of {@code layer.torchscript}; the constants describe their
 * differences. A field that is absent from {@code config.json} has the default value of transformers 5 for the family.
 * Sliding windows are read from {@code sliding_window} and {@code layer_types} as in transformers 5.
 */
enum ModelFamily {
    LLAMA("llama", 0, 2048, Set.of("attention_bias", "mlp_bias")),
    MISTRAL("mistral", 8, 131_072, Set.of("sliding_window")),
    QWEN2("qwen2", 32, 32_768, Set.of("sliding_window", "use_sliding_window", "max_window_layers")),
    QWEN3("qwen3", 32, 32_768, Set.of("attention_bias", "sliding_window", "use_sliding_window", "max_window_layers"));

    private static final String SLIDING = "sliding_attention";
    private static final String FULL = "full_attention";
    private static final int DEFAULT_WINDOW = 4096;
    private static final int DEFAULT_FIRST_WINDOW_LAYER = 28;

    private final String modelType;
    private final int kvHeads;
    private final int contextLength;
    private final Set<String> fields;

    /** @param kvHeads default number of key and value heads; 0 for the number of query heads */
    ModelFamily(String modelType, int kvHeads, int contextLength, Set<String> fields) {
        this.modelType = modelType;
        this.kvHeads = kvHeads;
        this.contextLength = contextLength;
        this.fields = fields;
    }

    /** @throws InvalidModelException if {@code model_type} is not supported */
    static ModelFamily of(JsonFields config) {
        String type = config.text("model_type", "(absent)");
        for (ModelFamily family : values()) {
            if (family.modelType.equals(type)) {
                return family;
            }
        }
        throw InvalidModelException.unsupported(config.file(), "model_type", type);
    }

    /** Fields of {@code config.json} that this family reads in addition to those of all families. */
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

    ModelConfig.Biases biases(JsonFields config) {
        return switch (this) {
            case LLAMA ->
                new ModelConfig.Biases(
                        config.flag("attention_bias", false),
                        config.flag("attention_bias", false),
                        config.flag("mlp_bias", false));
            case MISTRAL -> new ModelConfig.Biases(false, false, false);
            case QWEN2 -> new ModelConfig.Biases(true, false, false);
            case QWEN3 ->
                new ModelConfig.Biases(
                        config.flag("attention_bias", false), config.flag("attention_bias", false), false);
        };
    }

    /** Whether query and key heads are normalised before the rotary embedding. */
    boolean headNorms() {
        return this == QWEN3;
    }

    /** The number of tokens that each layer attends to, including the current one; empty for all tokens. */
    List<OptionalInt> windows(JsonFields config, int layers) {
        return switch (this) {
            case LLAMA -> sameWindows(config, OptionalInt.empty(), layers);
            case MISTRAL -> sameWindows(config, windowSize(config), layers);
            case QWEN2, QWEN3 -> windowsByType(config, layers);
        };
    }

    /** The window's size; empty if {@code sliding_window} is null. */
    private static OptionalInt windowSize(JsonFields config) {
        boolean absent = !config.root().has("sliding_window");
        return absent || config.has("sliding_window")
                ? OptionalInt.of(config.count("sliding_window", DEFAULT_WINDOW))
                : OptionalInt.empty();
    }

    /** The same window for all layers. These families do not read {@code layer_types}: it must not contradict. */
    private static List<OptionalInt> sameWindows(JsonFields config, OptionalInt window, int layers) {
        if (config.has("layer_types")) {
            for (String type : layerTypes(config, layers)) {
                if (type.equals(SLIDING) != window.isPresent()) {
                    throw InvalidModelException.unsupported(
                            config.file(), "layer_types", config.root().get("layer_types"));
                }
            }
        }
        return Collections.nCopies(layers, window);
    }

    /** A window for the layers that {@code layer_types} names, or for those from {@code max_window_layers} on. */
    private static List<OptionalInt> windowsByType(JsonFields config, int layers) {
        OptionalInt window = config.flag("use_sliding_window", false) ? windowSize(config) : OptionalInt.empty();
        if (config.has("layer_types")) {
            return layerTypes(config, layers).stream()
                    .map(type -> type.equals(SLIDING) ? requirePresent(config, window) : OptionalInt.empty())
                    .toList();
        }
        int first = config.countFromZero("max_window_layers", DEFAULT_FIRST_WINDOW_LAYER);
        List<OptionalInt> windows = new ArrayList<>();
        for (int layer = 0; layer < layers; layer++) {
            windows.add(layer >= first ? window : OptionalInt.empty());
        }
        return windows;
    }

    private static OptionalInt requirePresent(JsonFields config, OptionalInt window) {
        if (window.isEmpty()) {
            throw InvalidModelException.broken(
                    config.file(),
                    "layer_types has " + SLIDING + ", but use_sliding_window and sliding_window define no window");
        }
        return window;
    }

    private static List<String> layerTypes(JsonFields config, int layers) {
        JsonNode types = config.root().get("layer_types");
        if (!types.isArray() || types.size() != layers) {
            throw config.wrong("layer_types", "a list of " + layers + " names, one per layer");
        }
        List<String> names = new ArrayList<>();
        for (JsonNode type : types) {
            if (!type.asText().equals(SLIDING) && !type.asText().equals(FULL)) {
                throw InvalidModelException.unsupported(config.file(), "layer_types", type);
            }
            names.add(type.asText());
        }
        return names;
    }
}
