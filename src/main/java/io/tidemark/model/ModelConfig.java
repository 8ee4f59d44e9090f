package io.tidemark.model;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;

/**
 * The configuration of a model, from {@code config.json}.
 *
 * @param numLayers        decoder blocks, L
 * @param hiddenSize       width of the hidden states
 * @param intermediateSize width inside the MLP
 * @param heads            query heads
 * @param kvHeads          key and value heads; {@code heads} is a multiple of it
 * @param headDim          width of a head; even
 * @param vocabularySize   number of token ids
 * @param contextLength    the most tokens of a sequence
 * @param normEpsilon      epsilon of the RMS norms
 * @param biases           which linear modules have biases
 * @param headNorms        whether query and key heads are normalised before the rotary embedding
 * @param tiedEmbeddings   whether the head uses the weights of the embedding
 * @param rope             the rotary embedding
 * @param windows          the number of tokens that each layer attends to, including the current one; empty for all
 *                         tokens
 * @param endOfSequence    token ids that end a completion, in the order of the file
 */
public record ModelConfig(
        int numLayers,
        int hiddenSize,
        int intermediateSize,
        int heads,
        int kvHeads,
        int headDim,
        int vocabularySize,
        int contextLength,
        double normEpsilon,
        Biases biases,
        boolean headNorms,
        boolean tiedEmbeddings,
        RotaryEmbedding rope,
        List<OptionalInt> windows,
        Set<Integer> endOfSequence) {

    /** Fields that all families read; see {@link ModelFamily#fields}. */
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

    /** Fields that have no effect on the decoder: they describe the file, training, sampling or other software. */
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

    private static final int MAX_LAYERS = 1000;
    private static final int MAX_HEAD_DIM = 4096;

    /**
     * Which linear modules have biases.
     *
     * @param qkv query, key and value projections
     * @param o   output projection of attention
     * @param mlp gate, up and down
     */
    public record Biases(boolean qkv, boolean o, boolean mlp) {}

    public ModelConfig {
        windows = List.copyOf(windows);
        endOfSequence = Collections.unmodifiableSet(new LinkedHashSet<>(endOfSequence));
    }

    /** The window of the layers that have one. All windows of a model are equal in the supported families. */
    public OptionalInt window() {
        return windows.stream().flatMapToInt(OptionalInt::stream).max();
    }

    /** Width of all query heads. */
    public int queryWidth() {
        return heads * headDim;
    }

    /** Width of all key heads, and of all value heads. */
    public int keyWidth() {
        return kvHeads * headDim;
    }

    /**
     * Reads {@code config.json} and {@code generation_config.json} of a folder, written by transformers 4 or 5.
     * Refuses, by name, fields that would change the computation but are not applied, and unknown fields unless their
     * value is null, false, 0 or empty.
     *
     * @throws InvalidModelException if a field is missing, wrong or not supported
     */
    public static ModelConfig read(Path folder) {
        JsonFields config = JsonFields.read(folder.resolve("config.json"));
        ModelFamily family = ModelFamily.of(config);
        if (!"silu".equals(config.text("hidden_act", "silu"))) {
            throw InvalidModelException.unsupported(config.file(), "hidden_act", config.text("hidden_act", "silu"));
        }
        config.refuseOthers(APPLIED, family.fields(), INERT);
        int layers = config.count("num_hidden_layers");
        requireAtMost(config, "num_hidden_layers", layers, MAX_LAYERS);
        int heads = config.count("num_attention_heads");
        int kvHeads = family.kvHeads(config, heads);
        int hidden = config.count("hidden_size");
        if (heads % kvHeads != 0) {
            throw config.wrong("num_key_value_heads", "a divisor of num_attention_heads");
        }
        int headDim = family.headDim(config, hidden, heads);
        if (headDim % 2 != 0) {
            throw config.wrong("head_dim", "an even number: rotary embeddings rotate pairs of elements");
        }
        requireAtMost(config, "head_dim", headDim, MAX_HEAD_DIM);
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
                RotaryEmbedding.read(config, contextLength),
                family.windows(config, layers),
                endOfSequence(folder, config));
    }

    /** Limits what is allocated from the configuration alone, before the shapes of tensors are checked. */
    private static void requireAtMost(JsonFields config, String field, int value, int max) {
        if (value > max) {
            throw InvalidModelException.broken(
                    config.file(), "field " + field + " must be at most " + max + ", not " + value);
        }
    }

    /** The tokens of {@code generation_config.json}, else of {@code config.json}, as in transformers. */
    private static Set<Integer> endOfSequence(Path folder, JsonFields config) {
        Path generation = folder.resolve("generation_config.json");
        Set<Integer> tokens = Files.isRegularFile(generation) ? tokens(JsonFields.read(generation)) : Set.of();
        tokens = tokens.isEmpty() ? tokens(config) : tokens;
        if (tokens.isEmpty()) {
            throw InvalidModelException.broken(config.file(), "has no eos_token_id: completions would not end");
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
