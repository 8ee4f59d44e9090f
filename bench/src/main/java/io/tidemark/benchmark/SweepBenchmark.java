package io.tidemark.benchmark;

import io.tidemark.boundary.Boundary;
import io.tidemark.calibration.curve.ExampleScore;
import io.tidemark.calibration.sweep.BoundarySweep;
import io.tidemark.calibration.sweep.ExampleBatch;
import io.tidemark.calibration.sweep.SweepLimits;
import io.tidemark.calibration.sweep.SweepRun;
import io.tidemark.calibration.sweep.TokenizedExample;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.evaluation.GoldLikelihood;
import io.tidemark.evaluation.Spread;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;
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
     * What the sweep and the separate passes took.
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
     * Runs the sweep at all boundaries and the passes alternately, after a warm-up of each on the first example.
     *
     * @param progress receives a line after each run
     */
    public Measured compareWithPasses(List<TokenizedExample> examples, int repetitions, Consumer<String> progress) {
        int layers = model.config().numLayers();
        List<Integer> all = IntStream.rangeClosed(0, layers).boxed().toList();
        List<ExampleBatch> batches = new BoundarySweep(model, limits).batches(examples);
        sweep(examples.subList(0, 1), all);
        passes(ExampleBatch.of(examples.subList(0, 1), 1));
        Repeated sweep = new Repeated("sweep ", () -> sweep(examples, all));
        Repeated passes = new Repeated("passes", () -> passes(batches));
        runInTurn(List.of(sweep, passes), repetitions, progress);
        return new Measured(
                layers,
                sweep.last().evaluations(),
                passes.last().evaluations(),
                sweep.seconds,
                passes.seconds,
                largestDifference(sweep.last().scores(), passes.last().scores()));
    }

    /**
     * Runs the sweep at each set of boundaries in turn, after a warm-up on the first example.
     *
     * @param sets     boundaries from 0 to L, ascending
     * @param progress receives a line after each run
     */
    public List<Timed> compareSets(
            List<TokenizedExample> examples, List<List<Integer>> sets, int repetitions, Consumer<String> progress) {
        sweep(examples.subList(0, 1), sets.get(0));
        List<Repeated> sweeps = sets.stream()
                .map(set -> new Repeated(set.size() + " boundaries", () -> sweep(examples, set)))
                .toList();
        runInTurn(sweeps, repetitions, progress);
        return IntStream.range(0, sets.size())
                .mapToObj(i -> new Timed(sets.get(i), sweeps.get(i).last().evaluations(), sweeps.get(i).seconds))
                .toList();
    }

    /** A task that is run several times, with the wall time of each run. */
    private static final class Repeated {

        private final String name;
        private final Supplier<Run> task;
        private final List<Double> seconds = new ArrayList<>();
        private Optional<Run> last = Optional.empty();

        Repeated(String name, Supplier<Run> task) {
            this.name = name;
            this.task = task;
        }

        Run last() {
            return last.orElseThrow();
        }
    }

    private static void runInTurn(List<Repeated> tasks, int repetitions, Consumer<String> progress) {
        for (int i = 0; i < repetitions; i++) {
            for (Repeated each : tasks) {
                long start = System.nanoTime();
                each.last = Optional.of(each.task.get());
                double taken = (System.nanoTime() - start) / 1e9;
                each.seconds.add(taken);
                progress.accept("%s  %.2f s".formatted(each.name, taken));
            }
        }
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

    private Run sweep(List<TokenizedExample> examples, List<Integer> boundaries) {
        try (SweepRun run = new BoundarySweep(model, limits).start(lora, examples, boundaries)) {
            List<ExampleScore> scores = run.finish();
            double[][] values = scores.stream()
                    .map(score -> score.meanLogprobByBoundary().stream()
                            .mapToDouble(Double::doubleValue)
                            .toArray())
                    .toArray(double[][]::new);
            return new Run(values, run.layerEvaluations());
        }
    }

    /** Scores the examples with one pass per boundary, with the batches and kernels of the sweep. */
    private Run passes(List<ExampleBatch> batches) {
        int layers = model.config().numLayers();
        int examples = batches.stream().mapToInt(b -> b.indices().size()).sum();
        double[][] scores = new double[examples][layers + 1];
        for (int boundary = 0; boundary <= layers; boundary++) {
            List<Double> means = GoldLikelihood.score(model, Optional.of(lora), batches, new Boundary(boundary));
            for (int i = 0; i < examples; i++) {
                scores[i][boundary] = means.get(i);
            }
        }
        return new Run(scores, (layers + 1L) * batches.size() * layers);
    }

    /** @param scores mean log-probability per gold token, {@code [examples][boundaries]} */
    private record Run(double[][] scores, long evaluations) {}
}
