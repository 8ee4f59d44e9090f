package io.tidemark.model;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** The numeric type of the linear modules. Norms, logits and sampling use float32. */
public enum ComputeType {

    /** 32-bit floating point. */
    FP32,
    /** 16-bit weights and activations. */
    BF16,
    /** 8-bit weights and activations, with fbgemm; on CPUs only. */
    INT8;

    /**
     * The type with this label.
     *
     * @throws IllegalArgumentException if there is none
     */
    public static ComputeType of(String name) {
        return Arrays.stream(values())
                .filter(type -> type.label().equals(name))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException(
                        "compute type must be one of auto, " + labels() + ", not '" + name + "'"));
    }

    /** {@code fp32}, {@code bf16} or {@code int8}. */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    private static String labels() {
        return Arrays.stream(values()).map(ComputeType::label).collect(Collectors.joining(", "));
    }
}
