package io.tidemark.model;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** What the linear modules compute in. Norms, attention, keys and values stay float32. */
public enum ComputeType {

    /** Exact to float32 rounding. */
    FP32(0),
    /** 16-bit weights and activations in the linears. */
    BF16(1),
    /** 8-bit weights and activations in the linears, by fbgemm: on CPUs only. */
    INT8(2);

    private final int code;

    ComputeType(int code) {
        this.code = code;
    }

    /** {@code fp32}, {@code bf16} or {@code int8}. */
    public static ComputeType of(String name) {
        return Arrays.stream(values())
                .filter(type -> type.label().equals(name))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException(
                        "compute type must be one of " + labels() + ", not '" + name + "'"));
    }

    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Its number in {@code install.torchscript}. */
    public int code() {
        return code;
    }

    private static String labels() {
        return Arrays.stream(values()).map(ComputeType::label).collect(Collectors.joining(", "));
    }
}
