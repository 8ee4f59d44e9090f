package io.tidemark.model;

import io.tidemark.torch.Torch;
import io.tidemark.torch.Value;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Teacher-forced passes, layer by layer: what a gold text's probability is, without a cache and without sampling.
 * Stateless; calls from several threads are safe.
 */
public final class ForcedDecoder {

    /** Rows that go through a layer's matrix products at once; more only spills the processor's caches. */
    private static final int ROWS_PER_CALL = 1024;
    /** Rows of logits held at once. */
    private static final int LOGIT_ROWS = 256;

    private final DecoderParts parts;

    ForcedDecoder(DecoderParts parts) {
        this.parts = parts;
    }

    public int numLayers() {
        return parts.config().numLayers();
    }

    /** The embedded batch as one state {@code [1, rows, hidden]}. */
    public ForcedStates embed(ForcedBatch batch) {
        try (Value ids = parts.torch().longs(batch.ids())) {
            return new ForcedStates(parts.script().call("embed", parts.weights(), ids));
        }
    }

    /** All states through one layer, with the adapter or without. */
    public ForcedStates layer(ForcedBatch batch, ForcedStates states, int layer, Optional<LoraWeights> lora) {
        try (Value at = parts.torch().number(layer);
                Value length = parts.torch().number(batch.paddedLength());
                Value groups = parts.torch().numberLists(List.of(new long[] {0, lora.isPresent() ? batch.rows() : 0, lora.isPresent() ? numLayers() : 0}));
                Value adapters = parts.torch().list(List.of(lora.map(LoraWeights::tensors).orElse(parts.weights())))) {
            return new ForcedStates(parts.script().call("forced_layer", states.value(), at, length, parts.weights(),
                    parts.dims(), parts.epsilon(), groups, adapters));
        }
    }

    /**
     * One layer of the sweep. The states before are the prefix, which had LoRA in all layers below, then boundaries
     * {@code layer-1 .. 0}; after it there is one more, the boundary {@code layer}, which leaves the prefix here.
     */
    public ForcedStates sweepLayer(ForcedBatch batch, ForcedStates states, int layer, LoraWeights lora) {
        Torch torch = parts.torch();
        try (Value at = torch.number(layer);
                Value length = torch.number(batch.paddedLength());
                Value share = torch.number(Math.max(1, ROWS_PER_CALL / batch.rows()))) {
            return new ForcedStates(parts.script().call("sweep_layer", states.value(), at, length, share, parts.weights(),
                    parts.dims(), parts.epsilon(), lora.tensors()));
        }
    }

    /** Log-probability in nats of each gold token of the batch, {@code [states][gold tokens]}. */
    public double[][] goldLogprobs(ForcedBatch batch, ForcedStates states) {
        Torch torch = parts.torch();
        try (Value rows = torch.longs(batch.predictingRows());
                Value gold = torch.longs(batch.gold());
                Value chunk = torch.number(LOGIT_ROWS);
                Value out = parts.script().call("gold_logprobs", states.value(), rows, gold, chunk, parts.weights(),
                        parts.dims(), parts.epsilon())) {
            double[] all = out.toDoubles();
            int each = batch.gold().length;
            double[][] byState = new double[all.length / each][];
            for (int state = 0; state < byState.length; state++) {
                byState[state] = Arrays.copyOfRange(all, state * each, (state + 1) * each);
            }
            return byState;
        }
    }
}
