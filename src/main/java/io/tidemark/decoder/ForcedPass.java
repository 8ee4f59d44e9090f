package io.tidemark.decoder;

import static io.tidemark.decoder.script.DecoderMethod.EMBED;
import static io.tidemark.decoder.script.DecoderMethod.FORCED_LAYERS;
import static io.tidemark.decoder.script.DecoderMethod.GOLD_LOGPROBS;
import static io.tidemark.decoder.script.DecoderMethod.LAST_STATE;
import static io.tidemark.decoder.script.DecoderMethod.NATIVE_FORCED_LAYERS;
import static io.tidemark.decoder.script.DecoderMethod.NATIVE_GOLD_LOGPROBS;
import static io.tidemark.decoder.script.DecoderMethod.NO_OVERRIDES;
import static io.tidemark.decoder.script.DecoderMethod.WITH_COPY_OF_LAST;

import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.kvcache.KvBudget;
import io.tidemark.decoder.kvcache.KvCache;
import io.tidemark.decoder.kvcache.KvPool;
import io.tidemark.decoder.kvcache.KvSlot;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.decoder.script.DecoderLayouts.LoraSpanField;
import io.tidemark.decoder.script.DecoderLayouts.OverrideSpanField;
import io.tidemark.decoder.script.DecoderLayouts.SegmentField;
import io.tidemark.decoder.script.DecoderMethod;
import io.tidemark.torch.Torch;
import io.tidemark.torch.Value;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.stream.LongStream;

/**
 * A teacher-forced pass of one batch, some layers at a time. In the native path its rows are the prompt rows of a step,
 * with a KV slot for each sequence of each state. Used by one thread at a time.
 */
public final class ForcedPass implements AutoCloseable {

    /** How many rows of logits a call has: 12.6 MB with a vocabulary of 49,152, where the script keeps them. */
    private static final int LOGIT_ROWS = 64;

    private final DecoderContext context;
    private final LoraWeights adapter;
    private final TeacherForcedBatch batch;
    private final Optional<KvPool> pool;
    /** The slots by state and sequence; there are none without the native path. */
    private final List<KvSlot> slots;

    ForcedPass(DecoderContext context, KvCache kvCache, LoraWeights adapter, TeacherForcedBatch batch, int states) {
        this.context = context;
        this.adapter = adapter;
        this.batch = batch;
        int count = states * batch.sequences().size();
        int longest = batch.sequences().stream()
                .mapToInt(TeacherForcedBatch.ForcedSequence::length)
                .max()
                .orElseThrow();
        this.pool = context.isNative()
                ? Optional.of(new KvPool(kvCache, new KvBudget(Long.MAX_VALUE), count, 0))
                : Optional.empty();
        this.slots =
                pool.map(some -> some.reserve(longest, count).orElseThrow()).orElse(List.of());
    }

    public int numLayers() {
        return context.config().numLayers();
    }

    /** The embedded batch, as one state. */
    public HiddenStates embed() {
        try (Value ids = context.torch().longs(batch.ids());
                Value spans = overrideSpans(batch.rows(), 0);
                Value overrides = overrides()) {
            return new HiddenStates(context.script().call(EMBED, ids, spans, overrides), 1);
        }
    }

    /** A copy of the states, with the last one twice. */
    public HiddenStates withCopyOfLast(HiddenStates states) {
        return new HiddenStates(context.script().call(WITH_COPY_OF_LAST, states.value()), states.count() + 1);
    }

    /** A copy of the last state without the others. */
    public HiddenStates last(HiddenStates states) {
        return new HiddenStates(context.script().call(LAST_STATE, states.value()), 1);
    }

    /** Runs all rows through the layers {@code first .. end-1}; {@code lastHasLora} as in the other method. */
    public void layers(HiddenStates states, int first, int end, boolean lastHasLora) {
        int row = 0;
        while (row < rows(states)) {
            row = layers(states, row, first, end, lastHasLora);
        }
    }

    /**
     * Runs rows from {@code row} on, as many as one call takes, through the layers {@code first .. end-1}. Earlier rows
     * have gone through these layers.
     *
     * @param lastHasLora whether the last state uses the adapter's LoRA; the others use base weights
     * @return the row after those of this call
     */
    public int layers(HiddenStates states, int row, int first, int end, boolean lastHasLora) {
        int endRow = endRow(states, row);
        try (Value firstLayer = context.torch().number(first);
                Value endLayer = context.torch().number(end)) {
            states.replace(
                    context.isNative()
                            ? nativeLayers(states, row, endRow, firstLayer, endLayer, lastHasLora)
                            : scriptLayers(states, firstLayer, endLayer, lastHasLora));
        }
        return endRow;
    }

    /** The row after those that a call takes from {@code row} on: in the script, all. */
    public int endRow(HiddenStates states, int row) {
        return context.isNative() ? Math.min(rows(states), row + TeacherForcing.ROWS_PER_CALL) : rows(states);
    }

    /** The rows of these states together. */
    public int rows(HiddenStates states) {
        return states.count() * batch.rows();
    }

    private Value nativeLayers(HiddenStates states, int row, int endRow, Value first, Value end, boolean lastHasLora) {
        Torch torch = context.torch();
        try (Value firstRow = torch.number(row);
                Value rowAfter = torch.number(endRow);
                Value segments = torch.numbers(segments(states.count(), row, endRow, lastHasLora));
                Value threads = torch.number(context.threads().prepare())) {
            return context.script()
                    .call(NATIVE_FORCED_LAYERS, states.value(), firstRow, rowAfter, segments, first, end, threads);
        }
    }

    /** The sequences, or parts of them, in these rows. Norms of the adapter apply without LoRA too. */
    private long[] segments(int states, int from, int to, boolean lastHasLora) {
        LongStream segments = LongStream.empty();
        int start = 0;
        for (int i = 0; i < states * batch.sequences().size(); i++) {
            int state = i / batch.sequences().size();
            int length = batch.sequences().get(i % batch.sequences().size()).length();
            int first = Math.max(from, start);
            int end = Math.min(to, start + length);
            if (first < end) {
                boolean lora = lastHasLora && state == states - 1;
                segments = LongStream.concat(
                        segments,
                        LongStream.of(SegmentField.segment(
                                slots.get(i).block().handle(),
                                slots.get(i).index(),
                                first - start,
                                end - first,
                                adapter.handle(),
                                lora ? Boundary.full(numLayers()) : new Boundary(0))));
            }
            start += length;
        }
        return segments.toArray();
    }

    private Value scriptLayers(HiddenStates states, Value first, Value end, boolean lastHasLora) {
        long rows = rows(states);
        long[] span = lastHasLora
                ? LoraSpanField.span(rows - batch.rows(), rows, Boundary.full(numLayers()))
                : LoraSpanField.empty();
        LoraWeights lora = lastHasLora ? adapter : context.noAdapter();
        long[] lengths = Collections.nCopies(states.count(), batch.sequences()).stream()
                .flatMap(List::stream)
                .mapToLong(TeacherForcedBatch.ForcedSequence::length)
                .toArray();
        Torch torch = context.torch();
        try (Value numbers = torch.numbers(lengths);
                Value loraSpans = torch.numberLists(List.of(span));
                Value adapters = torch.list(List.of(lora.tensors()));
                Value spans = overrideSpans(rows, 0);
                Value overrides = overrides()) {
            return context.script()
                    .call(FORCED_LAYERS, states.value(), first, end, numbers, loraSpans, adapters, spans, overrides);
        }
    }

    /**
     * Log-probabilities, in nats, of the gold tokens {@code from .. to-1} of the batch: {@code [states][to - from]}.
     */
    public double[][] goldLogprobs(HiddenStates states, int from, int to) {
        double[][] byState = new double[states.count()][to - from];
        int tokensPerCall = Math.max(1, LOGIT_ROWS / states.count());
        for (int first = from; first < to; first += tokensPerCall) {
            int tokens = Math.min(tokensPerCall, to - first);
            double[] all = logprobs(states, first, first + tokens);
            for (int state = 0; state < byState.length; state++) {
                System.arraycopy(all, state * tokens, byState[state], first - from, tokens);
            }
        }
        return byState;
    }

    private double[] logprobs(HiddenStates states, int from, int to) {
        Torch torch = context.torch();
        DecoderMethod method = context.isNative() ? NATIVE_GOLD_LOGPROBS : GOLD_LOGPROBS;
        try (Value rows = torch.longs(Arrays.copyOfRange(batch.predictingRows(), from, to));
                Value gold = torch.longs(Arrays.copyOfRange(batch.gold(), from, to));
                Value spans = overrideSpans(0, (long) states.count() * (to - from));
                Value overrides = overrides();
                Value threads = torch.number(context.threads().prepare());
                Value result = context.script().call(method, states.value(), rows, gold, spans, overrides, threads)) {
            return result.toDoubles();
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

    @Override
    public void close() {
        pool.ifPresent(KvPool::close);
    }
}
