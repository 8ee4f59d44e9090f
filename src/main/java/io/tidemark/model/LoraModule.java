package io.tidemark.model;

/**
 * LoRA of one linear module: its output grows by {@code scale * B A x}.
 *
 * @param a {@code [r, in]}
 * @param b {@code [out, r]}
 */
public record LoraModule(StoredTensor a, StoredTensor b, double scale) {
}
