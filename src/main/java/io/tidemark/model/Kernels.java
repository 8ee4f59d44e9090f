package io.tidemark.model;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** What computes the decoder layers and the head. */
public enum Kernels {

    /** Operators of libtorch. */
    TORCH,
    /** The default: the fastest kernels of the processor for the compute type int8, otherwise {@link #TORCH}. */
    AUTO,
    /** Kernels for AMX with int8 and bfloat16. */
    AMX,
    /** Kernels for AVX-512 with VNNI and bfloat16. */
    VNNI_BF16,
    /** Kernels for AVX-512 with VNNI. */
    VNNI,
    /** Kernels for AVX2. */
    AVX2,
    /** Operators of libtorch, whose kernels on a GPU are captured and started together. */
    CUDA_GRAPHS;

    /**
     * The kernels with this label.
     *
     * @throws IllegalArgumentException if there are none
     */
    public static Kernels of(String name) {
        return Arrays.stream(values())
                .filter(kernels -> kernels.label().equals(name))
                .findFirst()
                .orElseThrow(() ->
                        new IllegalArgumentException("kernels must be one of " + labels() + ", not '" + name + "'"));
    }

    /** The name in lower case, such as {@code cuda-graphs}. */
    public String label() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** Whether these are kernels for one instruction set, which need a processor that has it. */
    public boolean isFamily() {
        return this != TORCH && this != CUDA_GRAPHS && this != AUTO;
    }

    private static String labels() {
        return Arrays.stream(values()).map(Kernels::label).collect(Collectors.joining(", "));
    }
}
