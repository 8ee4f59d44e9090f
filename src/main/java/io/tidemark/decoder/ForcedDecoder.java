package io.tidemark.decoder;

import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.decoder.weights.DecoderScript;
import io.tidemark.torch.Torch;
import io.tidemark.torch.Value;
import java.util.Arrays;
import java.util.List;

/**
 * Teacher-forced passes of one adapter, layer by layer: what a gold text's probability is, without a cache and without
 * sampling.
 * Stateless; calls from several threads are safe.
 */
public final class ForcedDecoder {

    /** Rows that go through a layer's matrix products at once; more only spills the processor's caches. */
    private static final int ROWS_PER_CALL = 512;
    /** Rows of logits made at once. */
    private static final int LOGIT_ROWS = 256;

    private final DecoderParts parts;
    private final LoraWeights adapter;

    public ForcedDecoder(DecoderParts parts, LoraWeights adapter) {
        this.parts = parts;
        this.adapter = adapter;
    }

    /** Sets how many threads, 1 or more, the operators of the calling thread use, itself included. */
    public void setThreads(int threads) {
        parts.torch().setThreads(threads);
    }

    public int numLayers() {
        return parts.config().numLayers();
    }

    /** How many states should go through a layer together. */
    public int statesPerCall(ForcedBatch batch) {
        return Math.max(1, ROWS_PER_CALL / batch.rows());
    }

    /** The embedded batch as one state. */
    public ForcedStates embed(ForcedBatch batch) {
        try (Value ids = parts.torch().longs(batch.ids());
                Value runs = runs(batch.rows(), 0);
                Value own = own()) {
            return new ForcedStates(parts.script().call("embed", ids, runs, own), 1);
        }
    }

    /** All states through one layer, with the adapter's LoRA or without. */
    public ForcedStates layer(ForcedBatch batch, ForcedStates states, int layer, boolean withLora) {
        long rows = (long) states.count() * batch.rows();
        long[] group = withLora
                ? new long[] {0, rows, numLayers(), -1, -1, adapter.isPlain() ? 0 : 1, 1, 0}
                : DecoderScript.NO_GROUP;
        try (Value at = parts.torch().number(layer);
                Value length = parts.torch().number(batch.paddedLength());
                Value groups = parts.torch().numberLists(List.of(group));
                Value adapters = parts.torch()
                        .list(List.of(
                                withLora ? adapter.tensors() : parts.noAdapter().tensors()));
                Value stacks = parts.torch().list(List.of(parts.noStack()));
                Value runs = runs(rows, 0);
                Value own = own()) {
            return new ForcedStates(
                    parts.script()
                            .call("forced_layer", states.value(), at, length, groups, adapters, stacks, runs, own),
                    states.count());
        }
    }

    /** A copy of the states, one behind the other. */
    public ForcedStates join(List<ForcedStates> states) {
        try (Value list =
                parts.torch().list(states.stream().map(ForcedStates::value).toList())) {
            return new ForcedStates(
                    parts.script().call("stack", list),
                    states.stream().mapToInt(ForcedStates::count).sum());
        }
    }

    /** How many gold tokens of these states should be scored together. */
    public int goldPerCall(ForcedStates states) {
        return Math.max(1, LOGIT_ROWS / states.count());
    }

    /** Log-probability in nats of the batch's gold tokens {@code from .. to-1}, {@code [count][to - from]}. */
    public double[][] goldLogprobs(ForcedBatch batch, ForcedStates states, int from, int to) {
        Torch torch = parts.torch();
        try (Value rows = torch.longs(Arrays.copyOfRange(batch.predictingRows(), from, to));
                Value gold = torch.longs(Arrays.copyOfRange(batch.gold(), from, to));
                Value runs = runs(0, (long) states.count() * (to - from));
                Value own = own();
                Value out = parts.script().call("gold_logprobs", states.value(), rows, gold, runs, own)) {
            double[] all = out.toDoubles();
            int each = to - from;
            double[][] byState = new double[states.count()][];
            for (int state = 0; state < byState.length; state++) {
                byState[state] = Arrays.copyOfRange(all, state * each, (state + 1) * each);
            }
            return byState;
        }
    }

    /** All rows are the adapter's, if it has parts beside its LoRA. */
    private Value runs(long rows, long wanted) {
        boolean owns = adapter.hasOwnParts();
        return parts.torch().numberLists(List.of(new long[] {0, owns ? rows : 0, 0, owns ? wanted : 0}));
    }

    private Value own() {
        return parts.torch().list(List.of(adapter.own().orElse(parts.noAdapter().tensors())));
    }
}
