package io.tidemark.decoder;

import static io.tidemark.decoder.script.DecoderMethod.NATIVE_STEP;
import static io.tidemark.decoder.script.DecoderMethod.NATIVE_STEP_AND_SAMPLE;
import static io.tidemark.decoder.script.DecoderMethod.SAMPLE_AGAIN;
import static io.tidemark.decoder.script.DecoderMethod.STEP;
import static io.tidemark.decoder.script.DecoderMethod.STEP_AND_SAMPLE;

import io.tidemark.decoder.attention.AttentionTiling;
import io.tidemark.decoder.kvcache.KvCache;
import io.tidemark.decoder.lora.LoraLoader;
import io.tidemark.decoder.lora.LoraStack;
import io.tidemark.decoder.lora.LoraWeights;
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
import io.tidemark.torch.ValueScope;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.BiFunction;

/**
 * The decoder on the device. One native call runs a step for all rows. Holds the base model's weights and no state of
 * any sequence.
 *
 * <p>Thread-safe.
 */
public final class Decoder implements AutoCloseable {

    private final DecoderContext context;
    private final AttentionTiling tiling;
    private final KvCache kvCache;
    /** Empty on a CPU, and in deterministic steps. */
    private final Optional<LoraStack> stack;
    /** Present with {@link Kernels#CUDA_GRAPHS}; used with the lock of the stack. */
    private final Optional<StepGraphs> graphs;

    private final LongAdder nativeNanos = new LongAdder();

    private Decoder(DecoderContext context) {
        this.context = context;
        this.tiling = AttentionTiling.of(
                context.config(),
                context.options().deterministic(),
                context.torch().isOnGpu());
        this.kvCache = new KvCache(context.torch(), context.script(), context.config(), context.isNative());
        this.stack = context.torch().isOnGpu() && !context.options().deterministic()
                ? Optional.of(new LoraStack(context.torch(), context.script()))
                : Optional.empty();
        this.graphs = context.kernels() == Kernels.CUDA_GRAPHS
                ? Optional.of(new StepGraphs(context.torch(), context.script()))
                : Optional.empty();
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
        Script script = torch.script(DecoderScript.source(kernels));
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
                    DecoderContext.EmptyLists.of(torch, script)));
        } catch (RuntimeException e) {
            DecoderContext.close(script, kernels);
            throw e;
        }
    }

    /**
     * Runs a step and samples a token for each row with {@link StepRow#sampling}, in the order of the batch.
     *
     * @throws DecoderException if libtorch could not run it
     */
    public List<SampledToken> step(List<StepRow> batch) {
        return withStack(batch, this::step);
    }

    private List<SampledToken> step(List<StepRow> batch, StackPlan stacked) {
        StepPlan plan = new StepPlan(batch, stacked);
        List<StepRow> sampled = plan.sampled();
        SamplingBatch sampling = new SamplingBatch(
                sampled.stream().map(row -> row.sampling().orElseThrow()).toList());
        try (StepArguments arguments = new StepArguments(context, plan, tiling, graphs);
                Value result = context.isNative()
                        ? timedCall(NATIVE_STEP_AND_SAMPLE, arguments.forNativeTokens(sampling))
                        : timedCall(STEP_AND_SAMPLE, arguments.forTokens(sampling))) {
            return inBatchOrder(batch, sampled, tokens(arguments, sampling, result));
        }
    }

    /** The tokens of {@code sample_rows}; samples rows again whose tokens are not certain. */
    private List<SampledToken> tokens(StepArguments arguments, SamplingBatch sampling, Value result) {
        try (ValueScope scope = new ValueScope()) {
            List<Value> first = result.toList();
            first.forEach(scope::add);
            double[] numbers = first.get(0).toDoubles();
            if (!sampling.isCertain(numbers)) {
                Value again = scope.add(timedCall(SAMPLE_AGAIN, arguments.forTokensAgain(first.get(1), sampling)));
                List<Value> second = again.toList();
                second.forEach(scope::add);
                numbers = second.get(0).toDoubles();
            }
            return sampling.tokens(numbers);
        }
    }

    /** Runs a step; on a GPU, steps of several threads run one after another, because they share the stack. */
    private <T> T withStack(List<StepRow> batch, BiFunction<List<StepRow>, StackPlan, T> step) {
        if (stack.isEmpty()) {
            return step.apply(batch, StackPlan.none());
        }
        synchronized (stack.get()) {
            try {
                return step.apply(batch, StackPlan.of(batch, stack.get()));
            } catch (ScriptException e) {
                throw new DecoderException(e);
            }
        }
    }

    /**
     * Runs a step and returns the logits {@code [vocabulary]} of each row with {@link StepRow#sampling}, in the order
     * of the batch.
     *
     * @throws DecoderException if libtorch could not run it
     */
    public List<float[]> logits(List<StepRow> batch) {
        return withStack(batch, this::logits);
    }

    private List<float[]> logits(List<StepRow> batch, StackPlan stacked) {
        StepPlan plan = new StepPlan(batch, stacked);
        List<StepRow> sampled = plan.sampled();
        int vocabulary = config().vocabularySize();
        try (StepArguments arguments = new StepArguments(context, plan, tiling, graphs);
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

    private static <T> List<T> inBatchOrder(List<StepRow> batch, List<StepRow> sampled, List<T> results) {
        Map<StepRow, T> byRow = new IdentityHashMap<>();
        for (int i = 0; i < sampled.size(); i++) {
            byRow.put(sampled.get(i), results.get(i));
        }
        return batch.stream().filter(byRow::containsKey).map(byRow::get).toList();
    }

    /**
     * Loads an adapter to the device.
     *
     * @param source the adapter's folder, for error messages
     * @throws InvalidModelException if a tensor has values that are not finite, or contradicts the base model
     */
    public LoraWeights loadAdapter(Path source, StoredAdapter adapter) {
        TensorLoader loader = new TensorLoader(context.torch(), context.script());
        return new LoraLoader(context.folder(), config(), context.kernels(), loader).load(source, adapter);
    }

    /** Teacher-forced passes with an adapter, on the same weights. */
    public TeacherForcing teacherForcing(LoraWeights adapter) {
        return new TeacherForcing(context, kvCache, adapter);
    }

    /** Teacher-forced passes of the base model, on the same weights. */
    public TeacherForcing teacherForcing() {
        return teacherForcing(context.noAdapter());
    }

    /**
     * Limits the memory of the second copies of adapters that a GPU reads in steps with several adapters; without a
     * limit, they are as many as a step has. Has no effect on a CPU.
     */
    public void limitStack(long bytes) {
        stack.ifPresent(all -> all.limit(bytes));
    }

    /** Allocates and copies the KV cache. */
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

    /** What computes the layers and the head: the choice for {@link Kernels#AUTO} of the options. */
    public Kernels kernels() {
        return context.kernels();
    }

    /** Sets the number of threads, at least 1, of the calling thread's operators; the calling thread is one of them. */
    public void setThreads(int threads) {
        context.threads().set(threads);
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
            graphs.ifPresent(StepGraphs::abandon);
            throw new DecoderException(e);
        }
    }

    @Override
    public void close() {
        graphs.ifPresent(StepGraphs::close);
        stack.ifPresent(LoraStack::close);
        context.close();
    }
}
