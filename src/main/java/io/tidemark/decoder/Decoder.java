package io.tidemark.decoder;

import static io.tidemark.decoder.script.DecoderMethod.FIRST_STATES;
import static io.tidemark.decoder.script.DecoderMethod.NATIVE_STEP;
import static io.tidemark.decoder.script.DecoderMethod.NATIVE_STEP_AND_SAMPLE;
import static io.tidemark.decoder.script.DecoderMethod.STEP;
import static io.tidemark.decoder.script.DecoderMethod.STEP_AND_SAMPLE;
import static io.tidemark.decoder.script.DecoderMethod.STEP_INPUTS;
import static io.tidemark.decoder.script.DecoderMethod.STEP_LAYERS;
import static io.tidemark.decoder.script.DecoderMethod.STEP_TOKENS;

import io.tidemark.decoder.attention.AttentionTiling;
import io.tidemark.decoder.kvcache.KvCache;
import io.tidemark.decoder.lora.LoraLoader;
import io.tidemark.decoder.lora.LoraPlacement;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.decoder.lora.PackedLoraGroups;
import io.tidemark.decoder.lora.StoredAdapter;
import io.tidemark.decoder.sampling.SampledToken;
import io.tidemark.decoder.sampling.SamplingBatch;
import io.tidemark.decoder.script.DecoderException;
import io.tidemark.decoder.script.DecoderMethod;
import io.tidemark.decoder.script.DecoderScript;
import io.tidemark.decoder.weights.BaseWeights;
import io.tidemark.decoder.weights.TensorLoader;
import io.tidemark.model.ComputeType;
import io.tidemark.model.InvalidModelException;
import io.tidemark.model.Kernels;
import io.tidemark.model.ModelConfig;
import io.tidemark.model.ModelOptions;
import io.tidemark.torch.Script;
import io.tidemark.torch.ScriptException;
import io.tidemark.torch.Torch;
import io.tidemark.torch.Value;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.BiFunction;

/**
 * The decoder on the device. One native call runs a step for all rows, or several if the step has a limit. Holds the
 * base model's weights and no state of any sequence.
 *
 * <p>The steps of one decoder run one after another; {@link #shareWeights} makes a decoder for another thread. All
 * other methods are thread-safe.
 */
public final class Decoder implements AutoCloseable {

    /** Layers of a native call in a step with a limit. A call costs about 0.1 ms. */
    private static final int LAYERS_PER_CALL = 2;

    private final DecoderContext context;
    private final AttentionTiling tiling;
    private final KvCache kvCache;
    private final PackedLoraGroups packedGroups;
    private final PackedLoraGroups.Instance packing;
    private final GatherIndexCache gatherIndices;
    private final LongAdder nativeNanos;
    private final boolean owner;

    private Decoder(DecoderContext context) {
        this.context = context;
        this.tiling = AttentionTiling.of(context.config(), context.options().deterministic());
        this.kvCache = new KvCache(context.torch(), context.script(), context.config(), context.isNative());
        this.packedGroups =
                new PackedLoraGroups(context.torch(), context.script(), context.config(), context.options());
        this.packing = packedGroups.newInstance();
        this.gatherIndices = new GatherIndexCache(context);
        this.nativeNanos = new LongAdder();
        this.owner = true;
    }

    private Decoder(Decoder other) {
        this.context = other.context;
        this.tiling = other.tiling;
        this.kvCache = other.kvCache;
        this.packedGroups = other.packedGroups;
        this.packing = packedGroups.newInstance();
        this.gatherIndices = new GatherIndexCache(context);
        this.nativeNanos = other.nativeNanos;
        this.owner = false;
    }

    /**
     * @param sampleTokens tokens of a sample text; int8 measures the range of activations with them
     * @throws IllegalArgumentException if the device does not support the options
     */
    static Decoder load(Path folder, ModelConfig config, Torch torch, ModelOptions options, long[] sampleTokens) {
        if (options.computeType() == ComputeType.INT8 && torch.isOnGpu()) {
            throw new IllegalArgumentException("the compute type int8 runs on CPUs only; on a GPU use bf16 or fp32");
        }
        Kernels kernels = KernelChoice.of(options, torch.isOnGpu());
        Script script = torch.script(kernels.isFamily() ? DecoderScript.nativeSource() : DecoderScript.source());
        try {
            TensorLoader loader = new TensorLoader(torch, script);
            BaseWeights.install(folder, config, loader, options, KernelChoice.number(kernels), sampleTokens);
            return new Decoder(new DecoderContext(
                    folder,
                    torch,
                    script,
                    config,
                    options,
                    kernels,
                    new OperatorThreads(torch, kernels.isFamily()),
                    LoraWeights.none(script),
                    DecoderContext.EmptyLists.of(script)));
        } catch (RuntimeException e) {
            DecoderContext.close(script, kernels);
            throw e;
        }
    }

    /** A decoder for another thread with the same weights and packed groups. Must be closed before this one. */
    public Decoder shareWeights() {
        return new Decoder(this);
    }

    /**
     * Runs a step and samples a token for each row with {@link StepRow#sampling}, in the order of the batch.
     *
     * @throws DecoderException if libtorch could not run it
     */
    public List<SampledToken> step(List<StepRow> batch) {
        return context.isNative()
                ? step(
                        batch,
                        (arguments, sampling) -> timedCall(NATIVE_STEP_AND_SAMPLE, arguments.forNativeTokens(sampling)))
                : step(batch, (arguments, sampling) -> timedCall(STEP_AND_SAMPLE, arguments.forTokens(sampling)));
    }

    /**
     * Runs a step as {@link #step(List)}, with the present threads at first and with fewer after the limit. It takes
     * several native calls. Not for the native path, whose threads do not wait for a delayed one.
     *
     * @throws DecoderException if libtorch could not run it
     */
    public List<SampledToken> step(List<StepRow> batch, ThreadLimit limit) {
        return step(batch, (arguments, sampling) -> inSeveralCalls(arguments, sampling, limit));
    }

    private List<SampledToken> step(List<StepRow> batch, BiFunction<StepArguments, SamplingBatch, Value> nativeCalls) {
        StepPlan plan = new StepPlan(batch, placement(batch));
        List<StepRow> sampled = plan.sampled();
        SamplingBatch sampling = new SamplingBatch(
                sampled.stream().map(row -> row.sampling().orElseThrow()).toList());
        try (StepArguments arguments = new StepArguments(context, plan, tiling, gatherIndices);
                Value result = nativeCalls.apply(arguments, sampling)) {
            return inBatchOrder(batch, sampled, sampling.tokens(result));
        }
    }

    private Value inSeveralCalls(StepArguments arguments, SamplingBatch sampling, ThreadLimit limit) {
        int layers = config().numLayers();
        long start = System.nanoTime();
        try (Value inputs = timedCall(STEP_INPUTS, arguments.forInputs())) {
            Value states = timedCall(FIRST_STATES, inputs);
            try {
                for (int first = 0; first < layers; ) {
                    int end = limit.isExceeded() ? layers : Math.min(first + LAYERS_PER_CALL, layers);
                    Value next = layers(inputs, states, first, end);
                    states.close();
                    states = next;
                    first = end;
                    limit.judge((double) end / layers, System.nanoTime() - start);
                    if (limit.isExceeded()) {
                        setThreads(limit.fewerThreads());
                    }
                }
                return timedCall(STEP_TOKENS, arguments.forTokens(inputs, states, sampling));
            } finally {
                states.close();
            }
        }
    }

    private Value layers(Value inputs, Value states, int first, int end) {
        try (Value firstLayer = context.torch().number(first);
                Value endLayer = context.torch().number(end)) {
            return timedCall(STEP_LAYERS, inputs, states, firstLayer, endLayer);
        }
    }

    /**
     * Runs a step and returns the logits {@code [vocabulary]} of each row with {@link StepRow#sampling}, in the order
     * of the batch.
     *
     * @throws DecoderException if libtorch could not run it
     */
    public List<float[]> logits(List<StepRow> batch) {
        StepPlan plan = new StepPlan(batch, placement(batch));
        List<StepRow> sampled = plan.sampled();
        int vocabulary = config().vocabularySize();
        try (StepArguments arguments = new StepArguments(context, plan, tiling, gatherIndices);
                Value result = context.isNative()
                        ? call(NATIVE_STEP, arguments.forNativeInputs())
                        : call(STEP, arguments.forInputs())) {
            float[] all = result.toFloats();
            List<float[]> rows = new ArrayList<>();
            for (int i = 0; i < sampled.size(); i++) {
                rows.add(Arrays.copyOfRange(all, i * vocabulary, (i + 1) * vocabulary));
            }
            return inBatchOrder(batch, sampled, rows);
        }
    }

    private LoraPlacement placement(List<StepRow> batch) {
        if (options().computeType() != ComputeType.INT8 || context.isNative()) {
            return LoraPlacement.UNPACKED;
        }
        Map<LoraWeights, Integer> promptTokens = new LinkedHashMap<>();
        for (StepRow row : batch) {
            if (row.hasLora()) {
                int tokens = row.tokens().size() > 1 ? row.tokens().size() : 0;
                promptTokens.merge(row.lora().orElseThrow(), tokens, Integer::sum);
            }
        }
        return packing.place(promptTokens, batch.size());
    }

    private static <T> List<T> inBatchOrder(List<StepRow> batch, List<StepRow> sampled, List<T> results) {
        Map<StepRow, T> byRow = new IdentityHashMap<>();
        for (int i = 0; i < sampled.size(); i++) {
            byRow.put(sampled.get(i), results.get(i));
        }
        return batch.stream().filter(byRow::containsKey).map(byRow::get).toList();
    }

    /** Frees the tensors that are cached between two steps. Must not be called during a step. */
    public void pause() {
        gatherIndices.close();
        packing.pause();
    }

    /**
     * Loads an adapter to the device.
     *
     * @param source the adapter's folder, for error messages
     * @throws InvalidModelException if a tensor has values that are not finite, or contradicts the base model
     */
    public LoraWeights loadAdapter(Path source, StoredAdapter adapter) {
        TensorLoader loader = new TensorLoader(context.torch(), context.script());
        return new LoraLoader(context.folder(), config(), options().computeType(), context.kernels(), loader)
                .load(source, adapter);
    }

    /** Teacher-forced passes with an adapter, on the same weights. */
    public TeacherForcing teacherForcing(LoraWeights adapter) {
        return new TeacherForcing(context, kvCache, adapter);
    }

    /** Teacher-forced passes of the base model, on the same weights. */
    public TeacherForcing teacherForcing() {
        return teacherForcing(context.noAdapter());
    }

    /** Allocates and copies the KV cache of this decoder and of all that share its weights. */
    public KvCache kvCache() {
        return kvCache;
    }

    /**
     * Bytes of the keys and values of one token in all layers. A layer with a window stores only the tokens of its ring
     * buffer.
     */
    public long kvBytesPerToken() {
        return kvCache.bytesPerToken();
    }

    /** Prompt chunks, except for the last one, should end at a multiple of this number of tokens. */
    public int chunkTokens() {
        return context.isNative() ? 1 : tiling.chunkTokens();
    }

    public ModelConfig config() {
        return context.config();
    }

    public ModelOptions options() {
        return context.options();
    }

    public boolean isOnGpu() {
        return context.torch().isOnGpu();
    }

    /** Whether the native decoder computes the layers and the head. */
    public boolean isNative() {
        return context.isNative();
    }

    /** What computes the layers and the head: the choice for {@link Kernels#AUTO} of the options. */
    public Kernels kernels() {
        return context.kernels();
    }

    /** Sets the number of threads, at least 1, of the calling thread's operators; the calling thread is one of them. */
    public void setThreads(int threads) {
        context.threads().set(threads);
    }

    /** Ends the other threads that run operators of the calling thread; the next operator starts new ones. */
    public void releaseThreads() {
        context.torch().releaseThreads();
    }

    /** The maximum number of threads of an operator. */
    public int threads() {
        return context.torch().threads();
    }

    void lowerThreadPriority() {
        context.threads().lowerPriority();
    }

    /** Nanoseconds that steps have spent in libtorch, on all threads. */
    public long nativeNanos() {
        return nativeNanos.sum();
    }

    /** Whether further steps with the adapters of the last step leave the packed groups unchanged. */
    public boolean isStable() {
        return packing.isStable();
    }

    /** Whether steps with the adapters of the last one will have shared packed groups that they do not have yet. */
    public boolean expectsPackedGroups() {
        return packing.expectsGroups();
    }

    /** Whether packed groups are being built or fused on another thread. */
    boolean isPackingAdapters() {
        return packedGroups.isBuilding();
    }

    /** Whether one packed group has all these adapters and is fused with the base model. */
    boolean isFused(Collection<LoraWeights> adapters) {
        return packedGroups.isFused(adapters);
    }

    private Value timedCall(DecoderMethod method, Value... arguments) {
        long start = System.nanoTime();
        try {
            return call(method, arguments);
        } finally {
            nativeNanos.add(System.nanoTime() - start);
        }
    }

    private Value call(DecoderMethod method, Value... arguments) {
        try {
            return context.script().call(method, arguments);
        } catch (ScriptException e) {
            throw new DecoderException(e);
        }
    }

    @Override
    public void close() {
        gatherIndices.close();
        packing.close();
        if (owner) {
            packedGroups.close();
            context.close();
        }
    }
}
