package io.tidemark.model;

import java.util.Optional;
import java.util.Set;

/**
 * The compute type as options and settings name it. A model is loaded with what {@link #resolve} returns.
 *
 * @param type empty for {@code auto}: device and architecture determine the type
 */
public record ComputeTypeChoice(Optional<ComputeType> type) {

    public static final ComputeTypeChoice AUTO = new ComputeTypeChoice(Optional.empty());

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

    /** The type on a GPU, or on the processor of this process. */
    public ComputeType resolve(boolean onGpu) {
        return resolve(onGpu, System.getProperty("os.arch"));
    }

    /**
     * The type on a GPU, or on a processor of an architecture. Its instructions have no effect, so that workers of a
     * group with one kind of device and one architecture have one type.
     */
    ComputeType resolve(boolean onGpu, String architecture) {
        ComputeType fastest = X86_64.contains(architecture) ? ComputeType.INT8 : ComputeType.FP32;
        return type.orElse(onGpu ? ComputeType.BF16 : fastest);
    }

    /** The name: {@code auto}, {@code fp32}, {@code bf16} or {@code int8}. */
    @Override
    public String toString() {
        return type.map(ComputeType::label).orElse("auto");
    }
}
