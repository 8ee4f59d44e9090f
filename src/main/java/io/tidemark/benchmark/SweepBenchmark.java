package io.tidemark.benchmark;

import io.tidemark.calibration.BoundarySweep;
import io.tidemark.calibration.ExampleBatch;
import io.tidemark.calibration.ExampleScore;
import io.tidemark.calibration.SweepLimits;
import io.tidemark.calibration.SweepRun;
import io.tidemark.calibration.TokenizedExample;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.evaluation.Spread;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** Measures the sweep against one pass for each boundary, both in this run, over the same examples and batches. */
public final class SweepBenchmark {

    private final LanguageModel model;
    private final LoraWeights lora;
    private final SweepLimits limits;

    /**
     * What was measured.
     *
     * @param layers            L
     * @param sweepEvaluations  how often the sweep applied a layer to a state of a batch
     * @param passEvaluations   the same for separate passes
     * @param sweepSeconds      wall time of each repetition
     * @param passSeconds       wall time of each repetition
     * @param largestDifference between the scores of both, in nats per token
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

        /** Median of the sweep over median of the passes. */
        public double wallRatio() {
            return Spread.of(sweepSeconds).median() / Spread.of(passSeconds).median();
        }
    }

    public SweepBenchmark(LanguageModel model, LoraWeights lora, SweepLimits limits) {
        this.model = model;
        this.lora = lora;
        this.limits = limits;
    }

    /**
     * Runs both sides in turn, after a warm-up of each on the first example.
     *
     * @param progress hears a line after each run
     */
    public Measured run(List<TokenizedExample> examples, int repetitions, Consumer<String> progress) {
        List<ExampleBatch> batches = ExampleBatch.of(examples, limits.tokensPerBatch());
        Side.sweep(this, examples.subList(0, 1));
        Side.passes(this, ExampleBatch.of(examples.subList(0, 1), limits.tokensPerBatch()));
        List<Side> sweeps = new ArrayList<>();
        List<Side> passes = new ArrayList<>();
        for (int i = 0; i < repetitions; i++) {
            sweeps.add(Side.sweep(this, examples));
            progress.accept("sweep   %.2f s".formatted(sweeps.get(i).seconds()));
            passes.add(Side.passes(this, batches));
            progress.accept("passes  %.2f s".formatted(passes.get(i).seconds()));
        }
        return new Measured(
                model.config().numLayers(),
                sweeps.get(0).evaluations(),
                passes.get(0).evaluations(),
                sweeps.stream().map(Side::seconds).toList(),
                passes.stream().map(Side::seconds).toList(),
                largestDifference(sweeps.get(0).scores(), passes.get(0).scores()));
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

    private record Side(double[][] scores, long evaluations, double seconds) {

        static Side sweep(SweepBenchmark bench, List<TokenizedExample> examples) {
            long start = System.nanoTime();
            try (SweepRun run = new BoundarySweep(bench.model, bench.limits).start(bench.lora, examples)) {
                List<ExampleScore> scores = run.finish();
                double seconds = (System.nanoTime() - start) / 1e9;
                return new Side(values(scores), run.layerEvaluations(), seconds);
            }
        }

        static Side passes(SweepBenchmark bench, List<ExampleBatch> batches) {
            long start = System.nanoTime();
            SeparatePasses passes = new SeparatePasses(bench.model.decoder().forced(bench.lora));
            double[][] scores = passes.score(batches);
            return new Side(scores, passes.layerEvaluations(), (System.nanoTime() - start) / 1e9);
        }

        private static double[][] values(List<ExampleScore> scores) {
            return scores.stream()
                    .map(score -> score.meanLogprobByBoundary().stream()
                            .mapToDouble(Double::doubleValue)
                            .toArray())
                    .toArray(double[][]::new);
        }
    }
}
