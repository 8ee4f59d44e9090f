package io.tidemark.adapter;

import io.tidemark.decoder.lora.LoraWeights;

/**
 * One version of an adapter in memory.
 *
 * @param digest identifies the version: SHA-256 in hex over the bytes of {@code adapter_config.json}, then of
 *               {@code adapter_model.safetensors}
 */
public record LoadedAdapter(String id, String digest, LoraWeights weights) {}
