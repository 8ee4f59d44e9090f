package io.tidemark.stream.settings;

import io.quarkus.runtime.configuration.MemorySize;
import io.smallrye.config.WithDefault;
import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import jakarta.validation.constraints.Pattern;
import jakarta.validation.constraints.PositiveOrZero;
import java.util.Optional;

/** {@code tidemark.engine.*}: how much the engine may do at once. */
public interface EngineSettings {

    /** {@code cpu}, {@code cuda:N} or {@code auto}. */
    @WithDefault("cpu")
    @Pattern(regexp = "cpu|auto|cuda:[0-9]+", message = "must be cpu, cuda:N or auto")
    String device();

    /** Processors that the engine uses; 0 takes those that the process may run on. */
    @WithDefault("0")
    @PositiveOrZero
    int processors();

    /** Threads that run steps, each with sequences of its own; 0 chooses by processors and model. */
    @WithDefault("0")
    @PositiveOrZero
    int instances();

    /** Threads inside the operations of each instance; 0 chooses by processors and model. */
    @WithDefault("0")
    @PositiveOrZero
    int threads();

    /** What the linear modules compute in: by default {@code fp32} on a CPU and {@code bf16} on a GPU. */
    Optional<@Pattern(regexp = "fp32|bf16|int8", message = "must be fp32, bf16 or int8") String> computeType();

    /** A row's logits don't depend on what runs beside it; with int8 only. */
    @WithDefault("false")
    boolean deterministic();

    /** Rows that run at the same time in all instances; 0 chooses by processors and {@link #kvBytes}. */
    @WithDefault("0")
    @PositiveOrZero
    @Max(1024)
    int maxNumSeqs();

    /** Requests that may wait for a slot; beyond it the consumer is paused. */
    @WithDefault("16")
    @PositiveOrZero
    int maxQueuedRequests();

    /** Memory for keys and values of all running rows, such as {@code 512M}; by default what the device has room for. */
    Optional<MemorySize> kvBytes();

    /** How much of {@code kv-bytes} kept prefixes of prompts may take while no row needs it; 0 keeps none. */
    @WithDefault("128M")
    MemorySize prefixCache();

    /** Memory for adapters; those asked for longest ago make room for others. */
    @WithDefault("1G")
    MemorySize adapterBytes();

    /** Memory for stacks of adapters that no row needs, and for a copy of the base's linears that one is joined with; with int8 only. */
    @WithDefault("512M")
    MemorySize packedLoraBytes();

    /** The most prompt tokens per step, divided equally among the instances, so that running rows don't wait long. */
    @WithDefault("256")
    @Min(1)
    int prefillTokensPerStep();
}
