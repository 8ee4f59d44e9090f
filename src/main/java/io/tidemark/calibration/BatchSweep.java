package io.tidemark.calibration;

import io.tidemark.decoder.HiddenStates;
import io.tidemark.decoder.TeacherForcedBatch;
import io.tidemark.decoder.TeacherForcing;
import java.util.ArrayList;
import java.util.List;

/**
 * The sweep of one batch. The prefix is the state with LoRA in every layer so far. At each requested boundary, a copy
 * of the prefix branches off and continues with base weights. The branches go through a layer in groups of as many
 * states as one native call takes; each call is a slice. Used by one thread at a time.
 */
final class BatchSweep implements AutoCloseable {

    private final TeacherForcing decoder;
    private final TeacherForcedBatch batch;
    private final SweepBoundaries boundaries;
    /** Groups of branches, by ascending boundary. */
    private final List<HiddenStates> branches = new ArrayList<>();

    private final double[][] logprobs;
    private HiddenStates prefix;
    private int layer;
    private int group;
    private int boundariesScored;
    private int goldScored;
    private long layerEvaluations;

    BatchSweep(TeacherForcing decoder, TeacherForcedBatch batch, SweepBoundaries boundaries) {
        this.decoder = decoder;
        this.batch = batch;
        this.boundaries = boundaries;
        this.logprobs = new double[boundaries.chosen().size()][batch.goldTokens()];
        this.prefix = decoder.embed(batch);
    }

    /** Runs one native call. Returns false when all boundaries are scored. */
    boolean runSlice() {
        if (layer < decoder.numLayers()) {
            advance();
            return true;
        }
        score(group < branches.size() ? branches.get(group) : prefix);
        return group < branches.size() + (boundaries.scoresFull() ? 1 : 0);
    }

    /** The share of the layer evaluations and scores that are done, 0 to 1. */
    double progress() {
        double scored = boundariesScored + (double) goldScored / batch.goldTokens();
        return (layerEvaluations + scored)
                / (boundaries.layerEvaluations() + boundaries.chosen().size());
    }

    /** How often a layer was applied to a state of this batch. */
    long layerEvaluations() {
        return layerEvaluations;
    }

    /** The log-probability of each gold token {@code [requested boundaries][gold tokens]}, once all slices are done. */
    double[][] logprobs() {
        return logprobs;
    }

    @Override
    public void close() {
        branches.forEach(HiddenStates::close);
        branches.clear();
        prefix.close();
    }

    private void advance() {
        boolean prefixContinues = layer < boundaries.prefixLayers();
        if (group == 0 && boundaries.branchesAt(layer)) {
            branch();
        }
        if (group < branches.size()) {
            branches.set(group, applyLayer(branches.get(group), false));
            group++;
            if (group == branches.size() && !prefixContinues) {
                nextLayer();
            }
        } else {
            prefix = applyLayer(prefix, true);
            nextLayer();
        }
    }

    private void nextLayer() {
        group = 0;
        layer++;
    }

    private void score(HiddenStates states) {
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

    private void branch() {
        int last = branches.size() - 1;
        if (last < 0 || branches.get(last).count() == decoder.statesPerCall(batch)) {
            branches.add(decoder.concat(List.of(prefix)));
            return;
        }
        try (HiddenStates before = branches.get(last)) {
            branches.set(last, decoder.concat(List.of(before, prefix)));
        }
    }

    private HiddenStates applyLayer(HiddenStates states, boolean withLora) {
        layerEvaluations += states.count();
        try (states) {
            return decoder.layer(batch, states, layer, withLora);
        }
    }
}
