package io.tidemark.calibration;

import io.tidemark.decoder.ForcedDecoder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.DoubleAdder;
import java.util.function.DoublePredicate;
import java.util.stream.IntStream;

/**
 * A sweep on its way: either one native call a slice, so that it can run between the steps of a generating engine
 * ({@link #runSlice}), or by itself on several threads ({@link #run}). Its methods are called by one thread, but
 * {@link #progress} may be read from any.
 */
public final class SweepRun implements AutoCloseable {

    private static final long ASK_EVERY_MS = 100;

    private final ForcedDecoder decoder;
    private final List<ExampleBatch> batches;
    private final SweepBoundaries boundaries;
    private final SweepLimits limits;
    private final int[] goldTokens;
    /** By example, then by the boundaries asked for. */
    private final double[][] means;

    private Optional<BatchSweep> current = Optional.empty();
    private int done;
    private long layerEvaluations;
    private final DoubleAdder advanced = new DoubleAdder();
    private volatile double progress;

    SweepRun(ForcedDecoder decoder, List<ExampleBatch> batches, SweepBoundaries boundaries, SweepLimits limits) {
        this.decoder = decoder;
        this.batches = batches;
        this.boundaries = boundaries;
        this.limits = limits;
        this.goldTokens =
                new int[batches.stream().mapToInt(b -> b.places().size()).sum()];
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
        BatchSweep sweep = current.orElseGet(
                () -> new BatchSweep(decoder, batches.get(done).forced(), boundaries));
        current = Optional.of(sweep);
        if (!sweep.runSlice()) {
            take(batches.get(done), sweep);
            close();
        }
        progress = (done + current.map(BatchSweep::progress).orElse(0.0)) / batches.size();
        return done < batches.size();
    }

    /**
     * Runs the whole sweep on threads {@code tidemark-sweep-N}; each takes the next batch when it has finished one. Returns or
     * throws only after all of them have stopped using the adapter.
     *
     * @param goOn called on the calling thread every 100 ms with the progress, 0 to 1; false stops the sweep
     * @return true if all batches are scored; false if the sweep was stopped or the calling thread was interrupted
     * @throws RuntimeException what one of the threads threw
     */
    public boolean run(DoublePredicate goOn) {
        int longest =
                batches.stream().mapToInt(batch -> batch.forced().rows()).max().orElseThrow();
        int lanes =
                Math.min(Math.min(limits.threads(), batches.size()), Math.max(1, limits.tokensPerBatch() / longest));
        AtomicInteger left = new AtomicInteger(batches.size());
        CompletableFuture<Void> stop = new CompletableFuture<>();
        CompletableFuture<Void> all = CompletableFuture.allOf(IntStream.range(0, lanes)
                .mapToObj(lane -> CompletableFuture.runAsync(
                        () -> runBatches(limits.threads() / lanes, left, stop),
                        work -> new Thread(work, "tidemark-sweep-" + lane).start()))
                .toArray(CompletableFuture[]::new));
        try {
            while (true) {
                try {
                    all.get(ASK_EVERY_MS, TimeUnit.MILLISECONDS);
                    return !stop.isDone();
                } catch (TimeoutException e) {
                    if (!stop.isDone() && !goOn.test(progress)) {
                        stop.complete(null);
                    }
                }
            }
        } catch (ExecutionException e) {
            if (e.getCause() instanceof Error error) {
                throw error;
            }
            throw e.getCause() instanceof RuntimeException failed ? failed : new CompletionException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        } finally {
            stop.complete(null);
            all.exceptionally(failed -> null).join();
        }
    }

    /** What one thread does of {@link #run}: the batches with the longest examples come first, so that none of them ends alone. */
    private void runBatches(int width, AtomicInteger left, CompletableFuture<Void> stop) {
        decoder.setThreads(width);
        for (int batch = left.decrementAndGet(); batch >= 0 && !stop.isDone(); batch = left.decrementAndGet()) {
            try (BatchSweep sweep = new BatchSweep(decoder, batches.get(batch).forced(), boundaries)) {
                double before = 0;
                boolean more = true;
                while (more && !stop.isDone()) {
                    more = sweep.runSlice();
                    advanced(sweep.progress() - before);
                    before = sweep.progress();
                }
                if (!more) {
                    take(batches.get(batch), sweep);
                }
            } catch (RuntimeException | Error e) {
                stop.complete(null);
                throw e;
            }
        }
    }

    private void advanced(double part) {
        advanced.add(part);
        progress = advanced.sum() / batches.size();
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
            scores.add(new ExampleScore(
                    goldTokens[i], Arrays.stream(all[i]).boxed().toList()));
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

    private synchronized void take(ExampleBatch batch, BatchSweep sweep) {
        done++;
        layerEvaluations += sweep.layerEvaluations();
        int from = 0;
        for (int i = 0; i < batch.places().size(); i++) {
            int tokens = batch.forced().sequences().get(i).gold().size();
            int start = from;
            int place = batch.places().get(i);
            goldTokens[place] = tokens;
            means[place] = Arrays.stream(sweep.logprobs())
                    .mapToDouble(logprobs ->
                            Arrays.stream(logprobs, start, start + tokens).sum() / tokens)
                    .toArray();
            from += tokens;
        }
    }
}
