package io.tidemark.model;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Reads {@code config.json} in the spellings of transformers 4 and 5. A field that would change the computation and
 * is not applied is refused by name; so is a field that is not known at all, unless it is off.
 */
final class ModelConfigReader {

    private static final Set<String> APPLIED = Set.of(
            "model_type", "num_hidden_layers", "hidden_size", "intermediate_size", "num_attention_heads",
            "num_key_value_heads", "head_dim", "vocab_size", "max_position_embeddings", "rms_norm_eps",
            "attention_bias", "mlp_bias", "tie_word_embeddings", "rope_theta", "rope_scaling", "rope_parameters",
            "eos_token_id", "hidden_act");

    /** Fields that describe the file, training or other software, and never change what a decoder computes. */
    private static final Set<String> INERT = Set.of(
            "architectures", "_name_or_path", "_model_name_or_path", "transformers_version", "torch_dtype", "dtype",
            "use_cache", "initializer_range", "attention_dropout", "pretraining_tp", "bos_token_id", "pad_token_id",
            "unk_token_id", "is_llama_config", "transformers.js_config", "output_attentions",
            "output_hidden_states", "return_dict", "id2label", "label2id", "problem_type", "chunk_size_feed_forward",
            "_attn_implementation", "attn_implementation");

    private static final Set<String> ROPE_APPLIED = Set.of("rope_type", "type", "rope_theta", "factor",
            "low_freq_factor", "high_freq_factor", "original_max_position_embeddings");

    private ModelConfigReader() {
    }

    static ModelConfig read(Path folder) {
        JsonFields config = JsonFields.read(folder.resolve("config.json"));
        if (!"llama".equals(config.text("model_type", "(absent)"))) {
            throw ModelRefused.unsupported(config.file(), "model_type", config.text("model_type", "(absent)"));
        }
        if (!"silu".equals(config.text("hidden_act", "silu"))) {
            throw ModelRefused.unsupported(config.file(), "hidden_act", config.text("hidden_act", "silu"));
        }
        refuseUnknown(config, APPLIED);
        int heads = config.count("num_attention_heads");
        int kvHeads = config.count("num_key_value_heads", heads);
        int hidden = config.count("hidden_size");
        if (heads % kvHeads != 0) {
            throw config.wrong("num_key_value_heads", "a divisor of num_attention_heads");
        }
        int headDim = config.count("head_dim", Math.max(1, hidden / heads));
        return new ModelConfig(config.count("num_hidden_layers"), hidden, config.count("intermediate_size"), heads,
                kvHeads, headDim, config.count("vocab_size"), config.count("max_position_embeddings", 2048),
                config.positive("rms_norm_eps", 1e-6), config.flag("attention_bias", false),
                config.flag("mlp_bias", false), config.flag("tie_word_embeddings", false), rope(config),
                endOfSequence(folder, config));
    }

    private static RotaryEmbedding rope(JsonFields config) {
        JsonFields scaling = config.object(config.has("rope_parameters") ? "rope_parameters" : "rope_scaling");
        double theta = scaling.positive("rope_theta", config.positive("rope_theta", 10_000));
        String type = scaling.text("rope_type", scaling.text("type", "default"));
        if (!type.equals("default") && !type.equals("llama3")) {
            throw ModelRefused.unsupported(config.file(), "rope_type", type);
        }
        refuseUnknown(scaling, ROPE_APPLIED);
        if (type.equals("default")) {
            return new RotaryEmbedding.Plain(theta);
        }
        return new RotaryEmbedding.Llama3(theta, required(scaling, "factor"), required(scaling, "low_freq_factor"),
                required(scaling, "high_freq_factor"), required(scaling, "original_max_position_embeddings"));
    }

    private static double required(JsonFields scaling, String field) {
        if (!scaling.has(field)) {
            throw ModelRefused.broken(scaling.file(), "rope field " + field + " is missing");
        }
        return scaling.positive(field, 1);
    }

    /** generation_config.json wins, as in transformers; both may name one token or several. */
    private static Set<Integer> endOfSequence(Path folder, JsonFields config) {
        Path generation = folder.resolve("generation_config.json");
        Set<Integer> tokens = Files.isRegularFile(generation) ? tokens(JsonFields.read(generation)) : Set.of();
        tokens = tokens.isEmpty() ? tokens(config) : tokens;
        if (tokens.isEmpty()) {
            throw ModelRefused.broken(config.file(), "names no eos_token_id, and no text would ever end");
        }
        return tokens;
    }

    private static Set<Integer> tokens(JsonFields fields) {
        if (!fields.has("eos_token_id")) {
            return Set.of();
        }
        JsonNode value = fields.root().get("eos_token_id");
        Set<Integer> tokens = new HashSet<>();
        for (JsonNode token : value.isArray() ? value : List.of(value)) {
            if (!token.isInt()) {
                throw fields.wrong("eos_token_id", "a token id or a list of them");
            }
            tokens.add(token.intValue());
        }
        return tokens;
    }

    private static void refuseUnknown(JsonFields config, Set<String> applied) {
        for (Map.Entry<String, JsonNode> field : config.root().properties()) {
            if (!applied.contains(field.getKey()) && !INERT.contains(field.getKey()) && isOn(field.getValue())) {
                throw ModelRefused.unsupported(config.file(), field.getKey(), field.getValue());
            }
        }
    }

    private static boolean isOn(JsonNode value) {
        return !(value.isNull() || value.isBoolean() && !value.booleanValue()
                || value.isContainerNode() && value.isEmpty() || value.isNumber() && value.doubleValue() == 0);
    }
}
