package io.tidemark.model;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * Reads {@code config.json} in the spellings of transformers 4 and 5. A field that would change the computation and
 * is not applied is refused by name; so is a field that is not known at all, unless it is off.
 */
public final class ModelConfigReader {

    /** Fields that every family reads; a family adds its own. */
    private static final Set<String> APPLIED = Set.of(
            "model_type",
            "num_hidden_layers",
            "hidden_size",
            "intermediate_size",
            "num_attention_heads",
            "num_key_value_heads",
            "head_dim",
            "vocab_size",
            "max_position_embeddings",
            "rms_norm_eps",
            "tie_word_embeddings",
            "rope_theta",
            "rope_scaling",
            "rope_parameters",
            "layer_types",
            "eos_token_id",
            "hidden_act");

    /** Fields that describe the file, training, sampling or other software, and never change what a decoder computes. */
    private static final Set<String> INERT = Set.of(
            "architectures",
            "_name_or_path",
            "_model_name_or_path",
            "transformers_version",
            "torch_dtype",
            "dtype",
            "use_cache",
            "initializer_range",
            "attention_dropout",
            "pretraining_tp",
            "bos_token_id",
            "pad_token_id",
            "unk_token_id",
            "is_llama_config",
            "transformers.js_config",
            "output_attentions",
            "output_hidden_states",
            "return_dict",
            "id2label",
            "label2id",
            "problem_type",
            "chunk_size_feed_forward",
            "_attn_implementation",
            "attn_implementation",
            "max_length",
            "max_sequence_length",
            "do_sample",
            "temperature",
            "top_p",
            "top_k",
            "unsloth_fixed",
            "unsloth_version");

    private static final int MOST_LAYERS = 1000;
    private static final int MOST_HEAD_DIM = 4096;

    private ModelConfigReader() {}

    public static ModelConfig read(Path folder) {
        JsonFields config = JsonFields.read(folder.resolve("config.json"));
        ModelFamily family = ModelFamily.of(config);
        if (!"silu".equals(config.text("hidden_act", "silu"))) {
            throw ModelRefused.unsupported(config.file(), "hidden_act", config.text("hidden_act", "silu"));
        }
        config.refuseOthers(APPLIED, family.fields(), INERT);
        int layers = config.count("num_hidden_layers");
        requireAtMost(config, "num_hidden_layers", layers, MOST_LAYERS);
        int heads = config.count("num_attention_heads");
        int kvHeads = family.kvHeads(config, heads);
        int hidden = config.count("hidden_size");
        if (heads % kvHeads != 0) {
            throw config.wrong("num_key_value_heads", "a divisor of num_attention_heads");
        }
        int headDim = family.headDim(config, hidden, heads);
        if (headDim % 2 != 0) {
            throw config.wrong("head_dim", "an even number, since rotary embeddings turn pairs");
        }
        requireAtMost(config, "head_dim", headDim, MOST_HEAD_DIM);
        int contextLength = family.contextLength(config);
        return new ModelConfig(
                layers,
                hidden,
                config.count("intermediate_size"),
                heads,
                kvHeads,
                headDim,
                config.count("vocab_size"),
                contextLength,
                config.positive("rms_norm_eps", 1e-6),
                family.biases(config),
                family.headNorms(),
                config.flag("tie_word_embeddings", false),
                RotaryReader.read(config, contextLength),
                family.windows(config, layers),
                endOfSequence(folder, config));
    }

    /** What is made from the config alone, before a tensor could speak against it, must not take the memory. */
    private static void requireAtMost(JsonFields config, String field, int value, int most) {
        if (value > most) {
            throw ModelRefused.broken(config.file(), "field " + field + " must be at most " + most + ", not " + value);
        }
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
        Set<Integer> tokens = new LinkedHashSet<>();
        for (JsonNode token : value.isArray() ? value : List.of(value)) {
            if (!token.isInt()) {
                throw fields.wrong("eos_token_id", "a token id or a list of them");
            }
            tokens.add(token.intValue());
        }
        return tokens;
    }
}
