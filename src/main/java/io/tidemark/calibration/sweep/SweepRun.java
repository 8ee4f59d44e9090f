package io.tidemark.calibration.sweep;

import io.tidemark.calibration.curve.ExampleScore;
import io.tidemark.decoder.TeacherForcing;
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
 * A running sweep. It runs either in slices, so that it fits between the steps of a generation engine ({@link
 * #runSlice}), or on several threads of its own ({@link #run}). Used by one thread, except {@link #progress}, which any
 * thread may call.
 */
public final class SweepRun implements AutoCloseable {

    private static final long POLL_MS = 100;

    private final TeacherForcing decoder;
    private final List<ExampleBatch> batches;
    private final SweepBoundaries boundaries;
    private final SweepLimits limits;
    private final int[] goldTokens;
    /** {@code [examples][requested boundaries]} */
    private final double[][] means;

    private Optional<BatchSweep> current = Optional.empty();
    private int done;
    private long layerEvaluations;
    private final DoubleAdder totalProgress = new DoubleAdder();
    private volatile double progress;

    SweepRun(TeacherForcing decoder, List<ExampleBatch> batches, SweepBoundaries boundaries, SweepLimits limits) {
        this.decoder = decoder;
        this.batches = batches;
        this.boundaries = boundaries;
        this.limits = limits;
        this.goldTokens =
                new int[batches.stream().mapToInt(b -> b.indices().size()).sum()];
        this.means = new double[goldTokens.length][];
    }

    /**
     * Runs rows of some boundaries through some layers, or scores gold tokens of them; see {@link SweepLimits}.
     *
     * @return false when all batches are scored
     */
    public boolean runSlice() {
        if (done == batches.size()) {
            return false;
        }
        BatchSweep sweep = current.orElseGet(() -> sweep(batches.get(done)));
        current = Optional.of(sweep);
        if (!sweep.runSlice()) {
            record(batches.get(done), sweep);
            close();
        }
        progress = (done + current.map(BatchSweep::progress).orElse(0.0)) / batches.size();
        return done < batches.size();
    }

    /**
     * Runs the sweep on threads {@code tidemark-sweep-N}; each thread runs one batch after another. After this method
     * has returned or thrown, no thread uses the adapter.
     *
     * @param shouldContinue called on the calling thread every 100 ms with the progress, 0 to 1; false stops the sweep
     * @return true if all batches are scored; false if the sweep was stopped or the calling thread was interrupted
     * @throws RuntimeException the exception of a sweep thread or of {@code shouldContinue}
     */
    public boolean run(DoublePredicate shouldContinue) {
        int longest =
                batches.stream().mapToInt(batch -> batch.forced().rows()).max().orElseThrow();
        int workers =
                Math.min(Math.min(limits.threads(), batches.size()), Math.max(1, limits.tokensPerSlice() / longest));
        AtomicInteger remaining = new AtomicInteger(batches.size());
        CompletableFuture<Void> stop = new CompletableFuture<>();
        CompletableFuture<Void> all = CompletableFuture.allOf(IntStream.range(0, workers)
                .mapToObj(worker -> CompletableFuture.runAsync(
                        () -> runBatches(limits.threads() / workers, remaining, stop),
                        work -> new Thread(work, "tidemark-sweep-" + worker).start()))
                .toArray(CompletableFuture[]::new));
        try {
            while (true) {
                try {
                    all.get(POLL_MS, TimeUnit.MILLISECONDS);
                    return !stop.isDone();
                } catch (TimeoutException e) {
                    if (!stop.isDone() && !shouldContinue.test(progress)) {
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

    /**
     * The work of one thread of {@link #run}. The batches with the longest examples run first, so that all threads end
     * at about the same time.
     *
     * @param threads the intra-op threads of this thread
     */
    private void runBatches(int threads, AtomicInteger remaining, CompletableFuture<Void> stop) {
        decoder.setThreads(threads);
        for (int batch = remaining.decrementAndGet();
                batch >= 0 && !stop.isDone();
                batch = remaining.decrementAndGet()) {
            try (BatchSweep sweep = sweep(batches.get(batch))) {
                double before = 0;
                boolean more = true;
                while (more && !stop.isDone()) {
                    more = sweep.runSlice();
                    addProgress(sweep.progress() - before);
                    before = sweep.progress();
                }
                if (!more) {
                    record(batches.get(batch), sweep);
                }
            } catch (RuntimeException | Error e) {
                stop.complete(null);
                throw e;
            }
        }
    }

    private BatchSweep sweep(ExampleBatch batch) {
        return new BatchSweep(decoder, batch.forced(), boundaries, limits.tokensPerSlice());
    }

    private void addProgress(double share) {
        totalProgress.add(share);
        progress = totalProgress.sum() / batches.size();
    }

    /** Runs all remaining slices on the calling thread, and returns the scores in the order of the examples. */
    public List<ExampleScore> finish() {
        finishAll();
        return scores();
    }

    /** Runs all remaining slices on the calling thread. */
    public void finishAll() {
        boolean more = true;
        while (more) {
            more = runSlice();
        }
    }

    /** The boundaries that are scored, ascending. */
    public List<Integer> boundaries() {
        return List.copyOf(boundaries.chosen());
    }

    /** The number of examples. */
    public int examples() {
        return means.length;
    }

    /** The progress, 0 to 1. */
    public double progress() {
        return progress;
    }

    /** How often a layer was applied to a state of a finished batch. */
    public long layerEvaluations() {
        return layerEvaluations;
    }

    /**
     * The scores in the order of the examples, at the requested boundaries, of which there must be at least two.
     *
     * @throws IllegalStateException if the sweep has not ended
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
     * The mean log-probability per gold token {@code [examples][requested boundaries]}.
     *
     * @throws IllegalStateException if the sweep has not ended
     */
    public double[][] means() {
        if (done < batches.size()) {
            throw new IllegalStateException("the sweep has not ended");
        }
        return means;
    }

    /** Frees the states of an unfinished sweep. */
    @Override
    public void close() {
        current.ifPresent(BatchSweep::close);
        current = Optional.empty();
    }

    private synchronized void record(ExampleBatch batch, BatchSweep sweep) {
        done++;
        layerEvaluations += sweep.layerEvaluations();
        int from = 0;
        for (int i = 0; i < batch.indices().size(); i++) {
            int tokens = batch.forced().sequences().get(i).gold().size();
            int start = from;
            int index = batch.indices().get(i);
            goldTokens[index] = tokens;
            means[index] = Arrays.stream(sweep.logprobs())
                    .mapToDouble(logprobs ->
                            Arrays.stream(logprobs, start, start + tokens).sum() / tokens)
                    .toArray();
            from += tokens;
        }
    }
}
