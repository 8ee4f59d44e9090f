package io.tidemark.benchmark;

import io.tidemark.boundary.Boundary;
import io.tidemark.calibration.BoundarySweep;
import io.tidemark.calibration.ExampleBatch;
import io.tidemark.calibration.ExampleScore;
import io.tidemark.calibration.SweepLimits;
import io.tidemark.calibration.SweepRun;
import io.tidemark.calibration.TokenizedExample;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.evaluation.GoldLikelihood;
import io.tidemark.evaluation.Spread;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/**
 * Compares the boundary sweep with one teacher-forced pass per boundary, on the same examples and batches, and the
 * sweep at different sets of boundaries.
 */
public final class SweepBenchmark {

    private final LanguageModel model;
    private final LoraWeights lora;
    private final SweepLimits limits;

    /**
     * The result.
     *
     * @param layers            number of layers L
     * @param sweepEvaluations  number of times that the sweep applies a layer to the states of a batch
     * @param passEvaluations   the same for separate passes
     * @param sweepSeconds      wall time of each repetition of the sweep
     * @param passSeconds       wall time of each repetition of the separate passes
     * @param largestDifference largest difference between the scores of both, in nats per token
     */
    public record Measured(
            int layers,
            long sweepEvaluations,
            long passEvaluations,
            List<Double> sweepSeconds,
            List<Double> passSeconds,
            double largestDifference) {

        public Measured {
            sweepSeconds = List.copyOf(sweepSeconds);
            passSeconds = List.copyOf(passSeconds);
        }

        public double evaluationRatio() {
            return (double) sweepEvaluations / passEvaluations;
        }

        /** The median time of the sweep over the median time of the passes. */
        public double wallRatio() {
            return Spread.of(sweepSeconds).median() / Spread.of(passSeconds).median();
        }
    }

    /**
     * The sweep at one set of boundaries.
     *
     * @param boundaries       the scored boundaries, ascending
     * @param layerEvaluations number of times that it applies a layer to the states of a batch
     * @param seconds          wall time of each repetition
     */
    public record Timed(List<Integer> boundaries, long layerEvaluations, List<Double> seconds) {

        public Timed {
            boundaries = List.copyOf(boundaries);
            seconds = List.copyOf(seconds);
        }
    }

    public SweepBenchmark(LanguageModel model, LoraWeights lora, SweepLimits limits) {
        this.model = model;
        this.lora = lora;
        this.limits = limits;
    }

    /**
     * Runs both alternately, after a warm-up of each on the first example.
     *
     * @param progress receives a line after each run
     */
    public Measured run(List<TokenizedExample> examples, int repetitions, Consumer<String> progress) {
        List<ExampleBatch> batches = ExampleBatch.of(examples, limits.tokensPerBatch());
        sweep(examples.subList(0, 1));
        passes(ExampleBatch.of(examples.subList(0, 1), limits.tokensPerBatch()));
        List<Result> sweeps = new ArrayList<>();
        List<Result> passes = new ArrayList<>();
        for (int i = 0; i < repetitions; i++) {
            sweeps.add(sweep(examples));
            progress.accept("sweep   %.2f s".formatted(sweeps.get(i).seconds()));
            passes.add(passes(batches));
            progress.accept("passes  %.2f s".formatted(passes.get(i).seconds()));
        }
        return new Measured(
                model.config().numLayers(),
                sweeps.get(0).evaluations(),
                passes.get(0).evaluations(),
                sweeps.stream().map(Result::seconds).toList(),
                passes.stream().map(Result::seconds).toList(),
                largestDifference(sweeps.get(0).scores(), passes.get(0).scores()));
    }

    /**
     * Runs the sweep at each set of boundaries in turn, after a warm-up on the first example.
     *
     * @param sets     boundaries from 0 to L, ascending
     * @param progress receives a line after each run
     */
    public List<Timed> run(
            List<TokenizedExample> examples, List<List<Integer>> sets, int repetitions, Consumer<String> progress) {
        sweep(examples.subList(0, 1));
        List<List<Double>> seconds =
                sets.stream().map(set -> (List<Double>) new ArrayList<Double>()).toList();
        long[] evaluations = new long[sets.size()];
        for (int i = 0; i < repetitions; i++) {
            for (int set = 0; set < sets.size(); set++) {
                long start = System.nanoTime();
                try (SweepRun run = new BoundarySweep(model, limits).start(lora, examples, sets.get(set))) {
                    run.finish();
                    evaluations[set] = run.layerEvaluations();
                }
                double taken = (System.nanoTime() - start) / 1e9;
                seconds.get(set).add(taken);
                progress.accept("%d boundaries  %.2f s".formatted(sets.get(set).size(), taken));
            }
        }
        return IntStream.range(0, sets.size())
                .mapToObj(set -> new Timed(sets.get(set), evaluations[set], seconds.get(set)))
                .toList();
    }

    private static double largestDifference(double[][] a, double[][] b) {
        double largest = 0;
        for (int i = 0; i < a.length; i++) {
            for (int j = 0; j < a[i].length; j++) {
                largest = Math.max(largest, Math.abs(a[i][j] - b[i][j]));
            }
        }
        return largest;
    }

    private Result sweep(List<TokenizedExample> examples) {
        long start = System.nanoTime();
        try (SweepRun run = new BoundarySweep(model, limits).start(lora, examples)) {
            List<ExampleScore> scores = run.finish();
            double seconds = (System.nanoTime() - start) / 1e9;
            double[][] values = scores.stream()
                    .map(score -> score.meanLogprobByBoundary().stream()
                            .mapToDouble(Double::doubleValue)
                            .toArray())
                    .toArray(double[][]::new);
            return new Result(values, run.layerEvaluations(), seconds);
        }
    }

    /** Scores the examples with one pass per boundary, with the batches and kernels of the sweep. */
    private Result passes(List<ExampleBatch> batches) {
        long start = System.nanoTime();
        GoldLikelihood likelihood = new GoldLikelihood(model.decoder().teacherForcing(lora));
        int layers = model.config().numLayers();
        int examples = batches.stream().mapToInt(b -> b.indices().size()).sum();
        double[][] scores = new double[examples][layers + 1];
        long evaluations = 0;
        for (int boundary = 0; boundary <= layers; boundary++) {
            for (ExampleBatch batch : batches) {
                double[] means = GoldLikelihood.meanBySequence(
                        batch.forced(), likelihood.logprobs(batch.forced(), new Boundary(boundary)));
                for (int i = 0; i < means.length; i++) {
                    scores[batch.indices().get(i)][boundary] = means[i];
                }
                evaluations += layers;
            }
        }
        return new Result(scores, evaluations, (System.nanoTime() - start) / 1e9);
    }

    /** @param scores mean log-probability per gold token, {@code [examples][L + 1]} */
    private record Result(double[][] scores, long evaluations, double seconds) {}
}
