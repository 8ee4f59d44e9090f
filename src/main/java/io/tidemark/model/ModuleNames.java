package io.tidemark.model;

import java.util.List;

/** Names of the modules of a causal language model, as in weight files and adapters. */
public final class ModuleNames {

    public static final String EMBEDDING = "model.embed_tokens";
    public static final String HEAD = "lm_head";
    public static final String FINAL_NORM = "model.norm";

    private ModuleNames() {}

    public static String layer(int layer) {
        return "model.layers." + layer;
    }

    /** The name of a linear module of a decoder layer. */
    public static String linear(int layer, Projection projection) {
        return layer(layer) + "." + projection.path();
    }

    public static String attentionNorm(int layer) {
        return layer(layer) + ".input_layernorm";
    }

    public static String mlpNorm(int layer) {
        return layer(layer) + ".post_attention_layernorm";
    }

    public static String queryNorm(int layer) {
        return layer(layer) + ".self_attn.q_norm";
    }

    public static String keyNorm(int layer) {
        return layer(layer) + ".self_attn.k_norm";
    }

    /** The names of the norms of a decoder layer. */
    public static List<String> norms(int layer, ModelConfig config) {
        return config.headNorms()
                ? List.of(attentionNorm(layer), mlpNorm(layer), queryNorm(layer), keyNorm(layer))
                : List.of(attentionNorm(layer), mlpNorm(layer));
    }
}
