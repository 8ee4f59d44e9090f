package io.tidemark.calibration;

import io.tidemark.decoder.ForcedBatch;
import io.tidemark.decoder.ForcedDecoder;
import io.tidemark.decoder.ForcedStates;
import java.util.ArrayList;
import java.util.List;

/**
 * One batch on its way through the layers. The prefix is the state that has had LoRA in every layer so far; at each
 * boundary that is asked for a copy of it leaves and goes on with base weights. States that have left go
 * through a layer together, as many as fit one call, and each such call is a slice.
 */
final class BatchSweep implements AutoCloseable {

    private final ForcedDecoder decoder;
    private final ForcedBatch batch;
    private final SweepBoundaries boundaries;
    /** By rising boundary. */
    private final List<ForcedStates> left = new ArrayList<>();

    private final double[][] logprobs;
    private ForcedStates prefix;
    private int layer;
    private int group;
    private int boundariesScored;
    private int goldScored;
    private long layerEvaluations;

    BatchSweep(ForcedDecoder decoder, ForcedBatch batch, SweepBoundaries boundaries) {
        this.decoder = decoder;
        this.batch = batch;
        this.boundaries = boundaries;
        this.logprobs = new double[boundaries.chosen().size()][batch.goldTokens()];
        this.prefix = decoder.embed(batch);
    }

    /** Returns whether there is more to do. */
    boolean runSlice() {
        if (layer < decoder.numLayers()) {
            advance();
            return true;
        }
        score(group < left.size() ? left.get(group) : prefix);
        return group < left.size() + (boundaries.scoresFull() ? 1 : 0);
    }

    /** From 0 to 1: states that went through a layer or were scored. */
    double progress() {
        double scored = boundariesScored + (double) goldScored / batch.goldTokens();
        return (layerEvaluations + scored)
                / (boundaries.layerEvaluations() + boundaries.chosen().size());
    }

    long layerEvaluations() {
        return layerEvaluations;
    }

    /** Log-probability of each gold token {@code [boundaries asked for][gold tokens]}, once all slices are done. */
    double[][] logprobs() {
        return logprobs;
    }

    @Override
    public void close() {
        left.forEach(ForcedStates::close);
        left.clear();
        prefix.close();
    }

    private void advance() {
        boolean prefixGoesOn = layer < boundaries.prefixLayers();
        if (group == 0 && boundaries.leaveAt(layer)) {
            leave();
        }
        if (group < left.size()) {
            left.set(group, through(left.get(group), false));
            group++;
            if (group == left.size() && !prefixGoesOn) {
                nextLayer();
            }
        } else {
            prefix = through(prefix, true);
            nextLayer();
        }
    }

    private void nextLayer() {
        group = 0;
        layer++;
    }

    private void score(ForcedStates states) {
        int to = Math.min(batch.goldTokens(), goldScored + decoder.goldPerCall(states));
        double[][] scores = decoder.goldLogprobs(batch, states, goldScored, to);
        for (int i = 0; i < scores.length; i++) {
            System.arraycopy(scores[i], 0, logprobs[boundariesScored + i], goldScored, scores[i].length);
        }
        goldScored = to;
        if (to == batch.goldTokens()) {
            goldScored = 0;
            boundariesScored += states.count();
            group++;
        }
    }

    private void leave() {
        int last = left.size() - 1;
        if (last < 0 || left.get(last).count() == decoder.statesPerCall(batch)) {
            left.add(decoder.join(List.of(prefix)));
            return;
        }
        try (ForcedStates before = left.get(last)) {
            left.set(last, decoder.join(List.of(before, prefix)));
        }
    }

    private ForcedStates through(ForcedStates states, boolean withLora) {
        layerEvaluations += states.count();
        try (states) {
            return decoder.layer(batch, states, layer, withLora);
        }
    }
}
