package io.tidemark.decoder;

import static io.tidemark.decoder.script.DecoderMethod.CONCAT;
import static io.tidemark.decoder.script.DecoderMethod.EMBED;
import static io.tidemark.decoder.script.DecoderMethod.FORCED_LAYER;
import static io.tidemark.decoder.script.DecoderMethod.GOLD_LOGPROBS;
import static io.tidemark.decoder.script.DecoderMethod.NATIVE_FORCED_LAYER;
import static io.tidemark.decoder.script.DecoderMethod.NO_OVERRIDES;

import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.decoder.script.DecoderLayouts.LoraSpanField;
import io.tidemark.decoder.script.DecoderLayouts.OverrideSpanField;
import io.tidemark.torch.Torch;
import io.tidemark.torch.Value;
import java.util.Arrays;
import java.util.List;

/**
 * Teacher-forced passes with one adapter, layer by layer: computes the log-probability of given completions, without KV
 * cache and sampling. Stateless and thread-safe.
 */
public final class TeacherForcing {

    /** Rows of the matrix products of a layer; more rows do not fit the processor's caches. */
    private static final int ROWS_PER_CALL = 512;
    /** Rows of logits that are computed at once. */
    private static final int LOGIT_ROWS = 256;

    private final DecoderContext context;
    private final LoraWeights adapter;

    TeacherForcing(DecoderContext context, LoraWeights adapter) {
        this.context = context;
        this.adapter = adapter;
    }

    /** Sets the number of threads, at least 1, of the calling thread's operators; the calling thread is one of them. */
    public void setThreads(int threads) {
        context.threads().set(threads);
    }

    public int numLayers() {
        return context.config().numLayers();
    }

    /** Recommended number of states for one call of {@link #layer}. */
    public int statesPerCall(TeacherForcedBatch batch) {
        return Math.max(1, ROWS_PER_CALL / batch.rows());
    }

    /** The embedded batch, as one state. */
    public HiddenStates embed(TeacherForcedBatch batch) {
        try (Value ids = context.torch().longs(batch.ids());
                Value spans = overrideSpans(batch.rows(), 0);
                Value overrides = overrides()) {
            return new HiddenStates(context.script().call(EMBED, ids, spans, overrides), 1);
        }
    }

    /** Runs all states through one layer, with or without the adapter's LoRA. */
    public HiddenStates layer(TeacherForcedBatch batch, HiddenStates states, int layer, boolean withLora) {
        if (context.isNative()) {
            return nativeLayer(batch, states, layer, withLora);
        }
        long rows = (long) states.count() * batch.rows();
        long[] span = withLora ? LoraSpanField.span(0, rows, Boundary.full(numLayers())) : LoraSpanField.empty();
        LoraWeights lora = withLora ? adapter : context.noAdapter();
        Torch torch = context.torch();
        try (Value layerIndex = torch.number(layer);
                Value length = torch.number(batch.paddedLength());
                Value loraSpans = torch.numberLists(List.of(span));
                Value adapters = torch.list(List.of(lora.tensors()));
                Value spans = overrideSpans(rows, 0);
                Value overrides = overrides()) {
            Value result = context.script()
                    .call(FORCED_LAYER, states.value(), layerIndex, length, loraSpans, adapters, spans, overrides);
            return new HiddenStates(result, states.count());
        }
    }

    private HiddenStates nativeLayer(TeacherForcedBatch batch, HiddenStates states, int layer, boolean withLora) {
        Torch torch = context.torch();
        Boundary boundary = withLora ? Boundary.full(numLayers()) : new Boundary(0);
        try (Value layerIndex = torch.number(layer);
                Value length = torch.number(batch.paddedLength());
                Value lora = torch.number(adapter.handle());
                Value layers = torch.number(boundary.layers());
                Value threads = torch.number(context.threads().prepare())) {
            Value result = context.script()
                    .call(NATIVE_FORCED_LAYER, states.value(), layerIndex, length, lora, layers, threads);
            return new HiddenStates(result, states.count());
        }
    }

    /** A copy of several states, concatenated. */
    public HiddenStates concat(List<HiddenStates> states) {
        List<Value> values = states.stream().map(HiddenStates::value).toList();
        try (Value list = context.torch().list(values)) {
            int count = states.stream().mapToInt(HiddenStates::count).sum();
            return new HiddenStates(context.script().call(CONCAT, list), count);
        }
    }

    /** Recommended number of gold tokens of these states for one call of {@link #goldLogprobs}. */
    public int goldPerCall(HiddenStates states) {
        return Math.max(1, LOGIT_ROWS / states.count());
    }

    /**
     * Log-probabilities, in nats, of the gold tokens {@code from .. to-1} of the batch: {@code [states][to - from]}.
     */
    public double[][] goldLogprobs(TeacherForcedBatch batch, HiddenStates states, int from, int to) {
        Torch torch = context.torch();
        int tokens = to - from;
        try (Value rows = torch.longs(Arrays.copyOfRange(batch.predictingRows(), from, to));
                Value gold = torch.longs(Arrays.copyOfRange(batch.gold(), from, to));
                Value spans = overrideSpans(0, (long) states.count() * tokens);
                Value overrides = overrides();
                Value threads = torch.number(context.threads().prepare());
                Value result =
                        context.script().call(GOLD_LOGPROBS, states.value(), rows, gold, spans, overrides, threads)) {
            double[] all = result.toDoubles();
            double[][] byState = new double[states.count()][];
            for (int state = 0; state < byState.length; state++) {
                byState[state] = Arrays.copyOfRange(all, state * tokens, (state + 1) * tokens);
            }
            return byState;
        }
    }

    /** One span with all rows if the adapter has overrides, else one empty span. */
    private Value overrideSpans(long rows, long sampled) {
        boolean any = adapter.hasOverrides();
        return context.torch()
                .numberLists(List.of(any ? OverrideSpanField.span(0, rows, 0, sampled) : OverrideSpanField.empty()));
    }

    private Value overrides() {
        return adapter.overrides()
                .map(weights -> context.torch().list(List.of(weights)))
                .orElseGet(() -> context.script().call(NO_OVERRIDES));
    }
}
