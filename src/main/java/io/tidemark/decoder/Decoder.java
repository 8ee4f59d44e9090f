package io.tidemark.decoder;

import io.tidemark.decoder.attention.AttentionTiles;
import io.tidemark.decoder.kvcache.KvCaches;
import io.tidemark.decoder.lora.AdapterAssembler;
import io.tidemark.decoder.lora.AdapterParts;
import io.tidemark.decoder.lora.LoraPlaces;
import io.tidemark.decoder.lora.LoraStacks;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.decoder.sampling.TokenChoice;
import io.tidemark.decoder.sampling.TokenRules;
import io.tidemark.decoder.weights.BaseWeights;
import io.tidemark.decoder.weights.DecoderScript;
import io.tidemark.decoder.weights.TensorLoader;
import io.tidemark.model.ComputeType;
import io.tidemark.model.ModelConfig;
import io.tidemark.model.ModelOptions;
import io.tidemark.model.ModelRefused;
import io.tidemark.torch.Script;
import io.tidemark.torch.ScriptFailed;
import io.tidemark.torch.Torch;
import io.tidemark.torch.Value;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;

/**
 * The decoder on the device: one native call runs a step for all rows. Holds the base weights and no state of any
 * sequence. The steps of one decoder run one at a time; {@link #shareWeights} makes another one for another thread. All other
 * methods may be called from any thread.
 */
public final class Decoder implements AutoCloseable {

    private final DecoderParts parts;
    private final AttentionTiles tiles;
    private final LoraStacks stacks;
    private final LoraStacks.User steps;
    private final KeptLayout layout;
    private final KvCaches caches;
    private final LongAdder nativeNanos;
    private final boolean owner;

    private Decoder(DecoderParts parts) {
        this.parts = parts;
        this.tiles = AttentionTiles.of(parts.config(), parts.options().deterministic());
        this.stacks = new LoraStacks(parts);
        this.steps = stacks.newUser();
        this.layout = new KeptLayout(parts);
        this.caches = new KvCaches(parts, tiles);
        this.nativeNanos = new LongAdder();
        this.owner = true;
    }

    private Decoder(Decoder other) {
        this.parts = other.parts;
        this.tiles = other.tiles;
        this.stacks = other.stacks;
        this.steps = stacks.newUser();
        this.layout = new KeptLayout(parts);
        this.caches = other.caches;
        this.nativeNanos = other.nativeNanos;
        this.owner = false;
    }

    /** @param probe tokens of some text, by which int8 sees what the linears have to take in */
    public static Decoder load(Path folder, ModelConfig config, Torch torch, ModelOptions options, long[] probe) {
        if (options.computeType() == ComputeType.INT8 && torch.isOnGpu()) {
            throw new IllegalArgumentException("the compute type int8 runs on CPUs only; on a GPU use bf16 or fp32");
        }
        Script script = torch.script(DecoderScript.source());
        try {
            BaseWeights.install(folder, config, new TensorLoader(torch, script), options, probe);
            return new Decoder(new DecoderParts(
                    folder,
                    torch,
                    script,
                    config,
                    options,
                    LoraWeights.none(torch),
                    script.call("no_stack"),
                    script.call("no_adapters")));
        } catch (RuntimeException e) {
            script.close();
            throw e;
        }
    }

    /** A decoder for the steps of another thread, on the same weights and stacks of adapters. To be closed before this one. */
    public Decoder shareWeights() {
        return new Decoder(this);
    }

    /** No step follows for now: what is kept between two steps may be freed. Called like a step. */
    public void pause() {
        layout.close();
        steps.pause();
    }

    public ModelConfig config() {
        return parts.config();
    }

    /**
     * Brings an adapter to the device.
     *
     * @param source the folder that an error names
     * @throws ModelRefused when a tensor holds values that are not finite, or contradicts the base
     */
    public LoraWeights assemble(Path source, AdapterParts adapter) {
        return new AdapterAssembler(parts).assemble(source, adapter);
    }

    /**
     * Runs a step and chooses a token for each row that has a rule, in the order of those rows in the batch.
     *
     * @throws DecoderFailed when libtorch could not run it
     */
    public List<TokenChoice> step(List<StepRow> batch) {
        LoraPlaces places = steps.forStep(batch);
        StepPlan plan = new StepPlan(batch, tiles, places);
        TokenRules rules = new TokenRules(plan.wanted());
        Torch torch = parts.torch();
        try (StepArguments step = new StepArguments(parts, plan, places, layout);
                Value packed = torch.numbers(rules.packed());
                Value counts = torch.numbers(rules.counts());
                Value out = timed("step_and_choose", step.with(packed, counts))) {
            return inBatchOrder(batch, plan.wanted(), rules.choices(out));
        }
    }

    /** Runs a step and returns the logits {@code [vocabulary]} of each row that has a rule, in the order of the batch. */
    public List<float[]> logits(List<StepRow> batch) {
        LoraPlaces places = steps.forStep(batch);
        StepPlan plan = new StepPlan(batch, tiles, places);
        try (StepArguments step = new StepArguments(parts, plan, places, layout);
                Value out = call("step", step.with())) {
            float[] all = out.toFloats();
            List<float[]> rows = new ArrayList<>();
            for (int i = 0; i < plan.wanted().size(); i++) {
                rows.add(Arrays.copyOfRange(all, i * config().vocabularySize(), (i + 1) * config().vocabularySize()));
            }
            return inBatchOrder(batch, plan.wanted(), rows);
        }
    }

    /** Whether adapters that run are being laid out anew on another thread, in stacks or joined with the base. */
    public boolean isStackingAdapters() {
        return stacks.isBuilding();
    }

    /** Whether the adapters of the last step are laid out as well as they ever will be. */
    public boolean isSettled() {
        return steps.isSettled();
    }

    /** Whether one stack has all these adapters, and is joined with the base. */
    public boolean isJoined(Collection<LoraWeights> adapters) {
        return stacks.isJoined(adapters);
    }

    public void lowerThreadPriority() {
        parts.torch().lowerThreadPriority();
    }

    /** The same weights for teacher-forced passes with an adapter. */
    public ForcedDecoder forced(LoraWeights adapter) {
        return new ForcedDecoder(parts, adapter);
    }

    /** The same weights for teacher-forced passes of the base model. */
    public ForcedDecoder forced() {
        return forced(parts.noAdapter());
    }

    /** Bytes of keys and values that one token takes in all layers; a layer with a window holds no more tokens than it sees. */
    public long kvBytesPerToken() {
        return caches.bytesPerToken();
    }

    /** Pieces of a prompt that are not its last should end at multiples of this. */
    public int pieceTokens() {
        return tiles.pieceTokens();
    }

    public KvCaches caches() {
        return caches;
    }

    /** Sets how many threads, 1 or more, the operators of the calling thread use, itself included. */
    public void setThreads(int threads) {
        parts.torch().setThreads(threads);
    }

    /** The most threads that an operator uses. */
    public int threads() {
        return parts.torch().threads();
    }

    /** Whether steps run on a GPU. */
    public boolean isOnGpu() {
        return parts.torch().isOnGpu();
    }

    /** How the weights compute. */
    public ModelOptions options() {
        return parts.options();
    }

    /** Nanoseconds that steps have spent in libtorch so far, on all threads; the rest of a step's time is the JVM's. */
    public long nativeNanos() {
        return nativeNanos.sum();
    }

    private Value timed(String method, Value... arguments) {
        long start = System.nanoTime();
        try {
            return call(method, arguments);
        } finally {
            nativeNanos.add(System.nanoTime() - start);
        }
    }

    private Value call(String method, Value... arguments) {
        try {
            return parts.script().call(method, arguments);
        } catch (ScriptFailed e) {
            throw new DecoderFailed(e);
        }
    }

    @Override
    public void close() {
        layout.close();
        steps.close();
        if (owner) {
            stacks.close();
            parts.close();
        }
    }

    private static <T> List<T> inBatchOrder(List<StepRow> batch, List<StepRow> wanted, List<T> results) {
        Map<StepRow, T> byRow = new IdentityHashMap<>();
        for (int i = 0; i < wanted.size(); i++) {
            byRow.put(wanted.get(i), results.get(i));
        }
        return batch.stream().filter(byRow::containsKey).map(byRow::get).toList();
    }
}
