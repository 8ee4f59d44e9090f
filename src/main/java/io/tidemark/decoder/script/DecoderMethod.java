package io.tidemark.decoder.script;

import io.tidemark.torch.ScriptContract.Layout;
import io.tidemark.torch.ScriptMethod;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * The methods of the decoder's script that Java calls, with the names of their parameters. The script does not load if
 * a method is missing or has other parameters.
 */
public enum DecoderMethod implements ScriptMethod {
    // base.torchscript
    INSTALL(EnumSet.allOf(InstallArgument.class)),
    ADD_LAYER("norms", "linears", "states"),
    MEASURED_RMS(),
    PACKED_LAYER("layer", "activation_rms", "linears"),
    INSTALL_PACKED("packed"),
    ADD_HEAD("states"),
    // weights.torchscript
    DECODE("raw", "dtype", "shape"),
    ALL_FINITE("x"),
    CONCAT("parts"),
    CONCAT_A("parts", "layer", "module"),
    CONCAT_B("parts"),
    ADAPTER("factors", "scales"),
    NO_ADAPTER(),
    DORA_FACTOR("magnitude", "w", "a", "b", "scale"),
    SCALED_B("b", "scale", "factor"),
    SCALED("x", "scale"),
    FILLED("x", "number"),
    ZEROS("like", "shape"),
    ADAPTER_BYTES("adapter"),
    // layer.torchscript
    HEAD_NORMS("q", "heads", "k", "kv_heads"),
    // overrides.torchscript
    OVERRIDES("tensors", "norms"),
    OVERRIDE_BYTES("weights"),
    TRANSPOSED_FACTOR("x", "scale"),
    HEAD_DORA_FACTOR("magnitude", "w", "a", "b", "scale"),
    EMBEDDING_DORA_FACTOR("magnitude", "w", "a", "b", "scale"),
    EQUAL("a", "b"),
    EQUAL_TRANSPOSED("a", "b"),
    // kv_cache.torchscript
    NEW_CACHE("like", "slots", "capacity", "ring_capacity"),
    KV_TOKEN_BYTES(),
    CLEAR_SLOT("cache", "slot"),
    COPY_TOKENS("cache", "slot", "start", "end"),
    IS_FINITE("tokens"),
    FILL_SLOT("cache", "slot", "chunks"),
    COPY_SLOT("source", "source_slot", "target", "target_slot", "tokens"),
    // step.torchscript
    STEP(EnumSet.range(StepArgument.PLAN, StepArgument.GRAPH)),
    STEP_AND_SAMPLE(EnumSet.allOf(StepArgument.class)),
    NO_ADAPTERS(),
    NO_OVERRIDES(),
    NO_STACKS(),
    SAMPLE_AGAIN("logits", "sampling_inputs", "sampling_parts", "sampling_sizes", "masks"),
    // cuda_graph.torchscript
    NEW_GRAPH_POOL(),
    CLOSE_GRAPH_POOL("pool"),
    ABANDON_GRAPH("pool"),
    // lora_stack.torchscript
    STACK_PLACE_BYTES("adapters"),
    NEW_STACK("adapters", "places"),
    STACK_TAKES("stack", "adapter"),
    SET_PLACE("stack", "place", "adapter"),
    // forced.torchscript
    EMBED("ids", "override_spans", "overrides"),
    WITH_COPY_OF_LAST("states"),
    LAST_STATE("states"),
    FORCED_LAYERS("states", "first", "end", "lengths", "lora_spans", "adapters", "override_spans", "overrides"),
    GOLD_LOGPROBS("states", "rows", "gold", "override_spans", "overrides", "threads"),
    // native.torchscript
    NATIVE_CLOSE("handle"),
    NATIVE_CLOSE_MODEL(),
    NATIVE_BLOCK("cache", "slots", "capacity", "ring_capacity"),
    NATIVE_ADAPTER(),
    NATIVE_LORA("adapter", "layer", "module", "a", "b", "factor", "shift"),
    NATIVE_NORMS("adapter", "weights"),
    NATIVE_OVERRIDES("weights"),
    NATIVE_ADAPTER_BYTES("adapter"),
    NATIVE_STEP(EnumSet.range(NativeStepArgument.PLAN, NativeStepArgument.OVERRIDES)),
    NATIVE_STEP_AND_SAMPLE(EnumSet.allOf(NativeStepArgument.class)),
    NATIVE_FORCED_LAYERS("states", "row", "end_row", "segments", "first", "end", "threads"),
    NATIVE_GOLD_LOGPROBS("states", "rows", "gold", "override_spans", "overrides", "threads");

    /** The methods that only the script of the native path has. */
    static final Set<DecoderMethod> NATIVE = EnumSet.range(NATIVE_CLOSE, NATIVE_GOLD_LOGPROBS);

    private final String method = name().toLowerCase(Locale.ROOT);
    private final List<String> parameters;

    DecoderMethod(String... parameters) {
        this.parameters = List.of(parameters);
    }

    DecoderMethod(Set<? extends Enum<?>> parameters) {
        this.parameters = Layout.names(parameters);
    }

    @Override
    public String method() {
        return method;
    }

    @Override
    public List<String> parameters() {
        return parameters;
    }

    /** The arguments of {@link #INSTALL}, in order. */
    public enum InstallArgument {
        EMBEDDING,
        FINAL_NORM,
        HEAD,
        INVERSE_FREQUENCIES,
        ROPE_FACTOR,
        EPSILON,
        HIDDEN,
        HEADS,
        KV_HEADS,
        HEAD_DIM,
        INTERMEDIATE,
        WINDOWS,
        COMPUTE_TYPE,
        DETERMINISTIC,
        ON_GPU,
        KERNELS
    }

    /** The arguments of {@link #STEP}, in order, and then the further ones of {@link #STEP_AND_SAMPLE}. */
    public enum StepArgument {
        PLAN,
        PLAN_SIZES,
        CALLS,
        CACHES,
        LORA_SPANS,
        ADAPTERS,
        STACKS,
        STACKED_LAYERS,
        OVERRIDE_SPANS,
        OVERRIDES,
        GRAPH,
        SAMPLING_INPUTS,
        SAMPLING_PARTS,
        SAMPLING_SIZES,
        MASKS
    }

    /** The arguments of {@link #NATIVE_STEP}, in order, and then those of {@link #NATIVE_STEP_AND_SAMPLE}. */
    public enum NativeStepArgument {
        PLAN,
        PLAN_SIZES,
        THREADS,
        OVERRIDE_SPANS,
        OVERRIDES,
        SAMPLING_INPUTS,
        SAMPLING_PARTS,
        SAMPLING_SIZES,
        MASKS
    }
}
