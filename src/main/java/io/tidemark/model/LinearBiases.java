package io.tidemark.model;

/**
 * Which linear modules of a layer have a bias.
 *
 * @param qkv the queries', keys' and values' projections
 * @param o   the attention's output projection
 * @param mlp gate, up and down
 */
public record LinearBiases(boolean qkv, boolean o, boolean mlp) {}
