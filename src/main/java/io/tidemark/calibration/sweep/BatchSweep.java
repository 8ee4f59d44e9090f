package io.tidemark.calibration.sweep;

import io.tidemark.decoder.ForcedPass;
import io.tidemark.decoder.HiddenStates;
import io.tidemark.decoder.TeacherForcedBatch;
import io.tidemark.decoder.TeacherForcing;
import java.util.List;
import java.util.Optional;

/**
 * The sweep of one batch. The prefix is the state with LoRA in every layer so far. At each requested boundary, a copy
 * of the prefix branches off and continues with base weights. As many boundaries as fill the rows of a call go through
 * the layers together, with the prefix as the last state. When they are scored, the prefix continues from the last of
 * them. Used by one thread at a time.
 */
final class BatchSweep implements AutoCloseable {

    /** How many rows of logits a slice computes. */
    private static final int LOGIT_ROWS = 256;

    private final TeacherForcedBatch batch;
    private final SweepBoundaries boundaries;
    /** The boundaries to score, ascending. */
    private final List<Integer> chosen;

    private final int rowsTimesLayers;
    private final int together;
    private final ForcedPass pass;
    private final double[][] logprobs;
    /** The branches of the present boundaries, and then the prefix until the last of them has branched off. */
    private HiddenStates states;

    private boolean hasPrefix = true;
    /** The prefix, from which the next boundaries continue, while the present ones go on without it. */
    private Optional<HiddenStates> kept = Optional.empty();

    private int layer;
    /** Where the rows below {@code row} are. */
    private int nextLayer;

    private int row;
    private int branched;
    private int goldScored;
    private int boundariesScored;
    private long rowEvaluations;

    /** @param rowsTimesLayers the most rows of a slice times the layers that they go through; a layer is not divided */
    BatchSweep(TeacherForcing decoder, TeacherForcedBatch batch, SweepBoundaries boundaries, int rowsTimesLayers) {
        this.batch = batch;
        this.boundaries = boundaries;
        this.chosen = List.copyOf(boundaries.chosen());
        this.rowsTimesLayers = rowsTimesLayers;
        this.together = Math.min(chosen.size(), TeacherForcing.statesPerCall(batch));
        this.logprobs = new double[chosen.size()][batch.goldTokens()];
        this.pass = decoder.pass(batch, together);
        try {
            this.states = pass.embed();
        } catch (RuntimeException | Error e) {
            pass.close();
            throw e;
        }
    }

    /** Runs rows through layers, or scores gold tokens. Returns false when all boundaries are scored. */
    boolean runSlice() {
        if (row == 0 && hasPrefix && layer == chosen.get(branched)) {
            branch();
        }
        if (layer < end()) {
            advance();
            return true;
        }
        score();
        return boundariesScored < chosen.size();
    }

    /** The share of the layer evaluations and scores that are done, 0 to 1. */
    double progress() {
        double scored = boundariesScored + (double) goldScored / batch.goldTokens() * states.count();
        return ((double) rowEvaluations / batch.rows() + scored) / (boundaries.layerEvaluations() + chosen.size());
    }

    /** How often a layer was applied to a row of this batch. */
    long rowEvaluations() {
        return rowEvaluations;
    }

    /** How often a layer was applied to a state of this batch. */
    long layerEvaluations() {
        return rowEvaluations / batch.rows();
    }

    /** The log-probability of each gold token {@code [requested boundaries][gold tokens]}, once all slices are done. */
    double[][] logprobs() {
        return logprobs;
    }

    @Override
    public void close() {
        kept.ifPresent(HiddenStates::close);
        kept = Optional.empty();
        states.close();
        pass.close();
    }

    private void branch() {
        branched++;
        boolean more = branched < chosen.size();
        if (more && branched - boundariesScored < together) {
            try (HiddenStates before = states) {
                states = pass.withCopyOfLast(before);
            }
            return;
        }
        hasPrefix = false;
        kept = more ? Optional.of(pass.last(states)) : Optional.empty();
    }

    /** The layer that the present states go to. */
    private int end() {
        return hasPrefix ? chosen.get(branched) : boundaries.numLayers();
    }

    private void advance() {
        if (row == 0) {
            int rows = pass.endRow(states, 0);
            nextLayer = Math.min(end(), layer + Math.max(1, rowsTimesLayers / rows));
        }
        int firstRow = row;
        row = pass.layers(states, firstRow, layer, nextLayer, hasPrefix);
        rowEvaluations += (long) (row - firstRow) * (nextLayer - layer);
        if (row == pass.rows(states)) {
            layer = nextLayer;
            row = 0;
        }
    }

    private void score() {
        int to = Math.min(batch.goldTokens(), goldScored + Math.max(1, LOGIT_ROWS / states.count()));
        double[][] scores = pass.goldLogprobs(states, goldScored, to);
        for (int i = 0; i < scores.length; i++) {
            System.arraycopy(scores[i], 0, logprobs[boundariesScored + i], goldScored, scores[i].length);
        }
        goldScored = to;
        if (to == batch.goldTokens()) {
            goldScored = 0;
            boundariesScored = branched;
            kept.ifPresent(this::continueFrom);
        }
    }

    private void continueFrom(HiddenStates prefix) {
        states.close();
        states = prefix;
        kept = Optional.empty();
        hasPrefix = true;
        layer = chosen.get(branched - 1);
    }
}
