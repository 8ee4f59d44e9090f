package io.tidemark.model;

import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/**
 * The compute type as options and settings name it. A model is loaded with what {@link #resolve} returns.
 *
 * @param type empty for {@code auto}: device and architecture determine the type
 */
public record ComputeTypeChoice(Optional<ComputeType> type) {

    public static final ComputeTypeChoice AUTO = new ComputeTypeChoice(Optional.empty());

    /** The first GPUs that multiply bf16 (Ampere, 8.0). Older ones emulate it, more slowly than fp32. */
    private static final int BF16_CAPABILITY = 80;

    /** Values of {@code os.arch} on x86-64. */
    private static final Set<String> X86_64 = Set.of("amd64", "x86_64");

    /**
     * The choice with this name.
     *
     * @throws IllegalArgumentException if there is none
     */
    public static ComputeTypeChoice of(String name) {
        return name.equals(AUTO.toString()) ? AUTO : new ComputeTypeChoice(Optional.of(ComputeType.of(name)));
    }

    /**
     * The type on a GPU, or on the processor of this process.
     *
     * @param gpuCapability compute capability of the GPU times ten; empty for the processor
     */
    public ComputeType resolve(OptionalInt gpuCapability) {
        return resolve(gpuCapability, System.getProperty("os.arch"));
    }

    /**
     * The type on a GPU, or on a processor of an architecture. Its instructions have no effect, so that workers of a
     * group with one kind of device and one architecture have one type.
     */
    ComputeType resolve(OptionalInt gpuCapability, String architecture) {
        boolean isFast =
                gpuCapability.isPresent() ? gpuCapability.getAsInt() >= BF16_CAPABILITY : X86_64.contains(architecture);
        ComputeType fastest = gpuCapability.isPresent() ? ComputeType.BF16 : ComputeType.INT8;
        return type.orElse(isFast ? fastest : ComputeType.FP32);
    }

    /** The name: {@code auto}, {@code fp32}, {@code bf16} or {@code int8}. */
    @Override
    public String toString() {
        return type.map(ComputeType::label).orElse("auto");
    }
}
