package io.tidemark.decoder.lora;

import io.tidemark.model.StoredTensor;
import java.util.Optional;

/**
 * LoRA of one linear module: adds {@code scale * (B A x + bias)} to its output. With a magnitude (DoRA, Liu et al.
 * 2024) the output is {@code magnitude / |W + scale B A| * (W + scale B A) x} instead, where the norm is taken over the
 * weights of each output.
 *
 * @param a         {@code [r, in]}
 * @param b         {@code [out, r]}
 * @param magnitude {@code [out]}
 * @param bias      bias of B, {@code [out]}
 */
public record LoraModule(
        StoredTensor a, StoredTensor b, double scale, Optional<StoredTensor> magnitude, Optional<StoredTensor> bias) {

    /** LoRA without magnitude and bias. */
    public LoraModule(StoredTensor a, StoredTensor b, double scale) {
        this(a, b, scale, Optional.empty(), Optional.empty());
    }

    /** The same tensors with the scale multiplied by a factor. A magnitude is not changed. */
    LoraModule scaledBy(double factor) {
        return new LoraModule(a, b, scale * factor, magnitude, bias);
    }
}
