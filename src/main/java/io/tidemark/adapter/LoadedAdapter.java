package io.tidemark.adapter;

import io.tidemark.decoder.lora.LoraWeights;

/**
 * One version of an adapter, ready to run.
 *
 * @param digest tells two versions of one id apart, see {@link AdapterDigest}
 */
public record LoadedAdapter(String id, String digest, LoraWeights weights) {}
