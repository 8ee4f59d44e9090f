package io.tidemark.decoder.lora;

import io.tidemark.model.StoredTensor;
import java.util.Optional;

/**
 * LoRA of one linear module: its output grows by {@code scale * (B A x + bias)}. With a magnitude (DoRA, Liu et al. 2024)
 * it becomes {@code magnitude / |W + scale B A| * (W + scale B A) x} instead, the norm taken over each output's weights.
 *
 * @param a         {@code [r, in]}
 * @param b         {@code [out, r]}
 * @param magnitude {@code [out]}
 * @param bias      {@code [out]}, of B
 */
public record LoraModule(
        StoredTensor a, StoredTensor b, double scale, Optional<StoredTensor> magnitude, Optional<StoredTensor> bias) {

    /** Plain LoRA. */
    public LoraModule(StoredTensor a, StoredTensor b, double scale) {
        this(a, b, scale, Optional.empty(), Optional.empty());
    }
}
