package io.tidemark.calibration;

import io.tidemark.model.ForcedDecoder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * A sweep on its way, one native call a slice, so that it can run between the steps of a generating engine. Belongs to
 * one thread, but {@link #progress} may be read from any.
 */
public final class SweepRun implements AutoCloseable {

    private final ForcedDecoder decoder;
    private final List<ExampleBatch> batches;
    private final SweepBoundaries boundaries;
    private final int[] goldTokens;
    /** By example, then by the boundaries asked for. */
    private final double[][] means;
    private Optional<BatchSweep> current = Optional.empty();
    private int done;
    private long layerEvaluations;
    private volatile double progress;

    SweepRun(ForcedDecoder decoder, List<ExampleBatch> batches, SweepBoundaries boundaries) {
        this.decoder = decoder;
        this.batches = batches;
        this.boundaries = boundaries;
        this.goldTokens = new int[batches.stream().mapToInt(b -> b.places().size()).sum()];
        this.means = new double[goldTokens.length][];
    }

    /**
     * Takes a few states through one layer, or scores them.
     *
     * @return whether there is more to do
     */
    public boolean runSlice() {
        if (done == batches.size()) {
            return false;
        }
        BatchSweep sweep = current.orElseGet(() -> new BatchSweep(decoder, batches.get(done).forced(), boundaries));
        current = Optional.of(sweep);
        if (!sweep.runSlice()) {
            take(batches.get(done), sweep);
            close();
            done++;
        }
        progress = (done + current.map(BatchSweep::progress).orElse(0.0)) / batches.size();
        return done < batches.size();
    }

    /** Runs all slices that are left, and returns the scores in the order of the examples. */
    public List<ExampleScore> finish() {
        finishAll();
        return scores();
    }

    void finishAll() {
        boolean more = true;
        while (more) {
            more = runSlice();
        }
    }

    /** From 0 to 1. */
    public double progress() {
        return progress;
    }

    /** How often a layer was applied to a state of a batch that is done. */
    public long layerEvaluations() {
        return layerEvaluations;
    }

    /**
     * The scores in the order of the examples, at all boundaries or those asked for, which must be two at least.
     *
     * @throws IllegalStateException while there is more to do
     */
    public List<ExampleScore> scores() {
        double[][] all = means();
        List<ExampleScore> scores = new ArrayList<>();
        for (int i = 0; i < all.length; i++) {
            scores.add(new ExampleScore(goldTokens[i], Arrays.stream(all[i]).boxed().toList()));
        }
        return scores;
    }

    /**
     * Mean log-probability per gold token {@code [examples][boundaries asked for]}.
     *
     * @throws IllegalStateException while there is more to do
     */
    double[][] means() {
        if (done < batches.size()) {
            throw new IllegalStateException("the sweep has not ended");
        }
        return means;
    }

    /** Frees what an unfinished sweep holds. */
    @Override
    public void close() {
        current.ifPresent(BatchSweep::close);
        current = Optional.empty();
    }

    private void take(ExampleBatch batch, BatchSweep sweep) {
        layerEvaluations += sweep.layerEvaluations();
        int from = 0;
        for (int i = 0; i < batch.places().size(); i++) {
            int tokens = batch.forced().sequences().get(i).gold().size();
            int start = from;
            int place = batch.places().get(i);
            goldTokens[place] = tokens;
            means[place] = Arrays.stream(sweep.logprobs())
                    .mapToDouble(logprobs -> Arrays.stream(logprobs, start, start + tokens).sum() / tokens).toArray();
            from += tokens;
        }
    }
}
