package io.tidemark.cli;

import io.tidemark.boundary.Boundary;
import io.tidemark.calibration.curve.CurveChoice;
import io.tidemark.calibration.curve.CurveStatistics;
import io.tidemark.calibration.curve.ExampleScore;
import io.tidemark.calibration.rule.BoundaryRule;
import io.tidemark.calibration.rule.OfflineDecision;
import io.tidemark.calibration.search.CoarseSearch;
import io.tidemark.calibration.search.SearchTrial;
import io.tidemark.calibration.sweep.BoundarySweep;
import io.tidemark.calibration.sweep.SweepLimits;
import io.tidemark.calibration.sweep.SweepRun;
import io.tidemark.calibration.sweep.TokenizedExample;
import io.tidemark.cli.console.ConsoleCommand;
import io.tidemark.cli.console.Progress;
import io.tidemark.cli.model.AdapterOption;
import io.tidemark.cli.model.ExamplesOption;
import io.tidemark.cli.model.LocalModel;
import io.tidemark.cli.model.LocalModelOptions;
import io.tidemark.decoder.lora.LoraWeights;
import java.util.List;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code tidemark search}: finds a boundary from a file of examples at few boundaries, and estimates its accuracy. */
@Command(
        name = "search",
        description = "Finds an adapter's boundary from few scored boundaries, without Kafka, and estimates how often "
                + "that is the exact one.",
        footer = {
            "",
            "Example:",
            "  tidemark search --model models/base --adapter adapters/restaurants --data validation.jsonl \\",
            "      --choice one_standard_error --resamples 200"
        })
final class SearchCommand extends ConsoleCommand {

    private static final int PERCENT = 100;

    @Mixin
    private LocalModelOptions model = new LocalModelOptions();

    @Mixin
    private AdapterOption adapter = new AdapterOption();

    @Mixin
    private ExamplesOption examples = new ExamplesOption(2, 32);

    @Option(
            names = "--choice",
            split = ",",
            paramLabel = "NAME",
            defaultValue = "one_standard_error",
            description = "What to search for: best, one_standard_error or no_worse_than_full; one or several."
                    + " Default: ${DEFAULT-VALUE}.")
    private List<CurveChoice> choices;

    @Option(
            names = "--every",
            paramLabel = "N",
            description = "Distance between the boundaries that are scored first. Default: ${DEFAULT-VALUE}.")
    private int every = 5;

    @Option(
            names = "--resamples",
            paramLabel = "N",
            description = "Score all boundaries, resample the examples N times, and count how often the search finds "
                    + "the exact boundary. Default: ${DEFAULT-VALUE}.")
    private int resamples;

    @Override
    public Integer call() {
        examples.check();
        if (every < 1 || resamples < 0) {
            throw wrongUse("--every must be 1 or more, --resamples 0 or more");
        }
        try (LocalModel local = model.open()) {
            List<TokenizedExample> tokens = examples.tokens(local.language());
            LoraWeights lora = adapter.load(local);
            BoundaryRule rule = BoundaryRule.ofDefaults(local.layers());
            BoundarySweep sweep = new BoundarySweep(local.language(), SweepLimits.DEFAULT);
            if (resamples > 0) {
                resample(sweep, lora, tokens, rule);
            } else {
                choices.forEach(choice -> search(sweep, lora, tokens, choice, local.layers()));
                List<Integer> candidates = rule.settings().candidates(local.layers());
                List<ExampleScore> scores = scores(sweep.start(lora, tokens, candidates));
                out().println(OfflineDecision.of(rule, tokens, candidates, scores)
                        .written());
                out().flush();
            }
        }
        return 0;
    }

    private void search(
            BoundarySweep sweep, LoraWeights lora, List<TokenizedExample> tokens, CurveChoice choice, int layers) {
        long start = System.nanoTime();
        CoarseSearch.Found found;
        try (Progress progress = Progress.start("boundaries", layers + 1L, err())) {
            found = new CoarseSearch(layers, every).find(sweep, lora, tokens, choice, progress::stepTo);
        }
        out().printf(
                        "%s: boundary %d; %d boundaries scored with %d layer evaluations in %.1f s%n",
                        choice.written(),
                        found.boundary().layers(),
                        found.scored().size(),
                        found.layerEvaluations(),
                        seconds(start));
        out().println("  "
                + found.scored().entrySet().stream()
                        .map(e -> "%d: %.4f".formatted(e.getKey(), e.getValue()))
                        .collect(Collectors.joining("  ")));
        out().flush();
    }

    private void resample(BoundarySweep sweep, LoraWeights lora, List<TokenizedExample> tokens, BoundaryRule rule) {
        long start = System.nanoTime();
        List<ExampleScore> scores = scores(sweep.start(lora, tokens));
        int layers = scores.get(0).meanLogprobByBoundary().size() - 1;
        out().printf(
                        "all %d boundaries: %d layer evaluations in %.1f s%n",
                        layers + 1, new CoarseSearch(layers, every).exactLayerEvaluations(), seconds(start));
        for (CurveChoice choice : choices) {
            Boundary exact =
                    choice.of(CurveStatistics.empty(layers).plus(scores).curve());
            SearchTrial trial = SearchTrial.of(scores, choice, every, resamples, 0);
            out().printf(
                            "%s: exact boundary %d. Of %d resamples the search found the exact boundary in %.1f%%, within one "
                                    + "layer in %.1f%%;%n",
                            choice.written(),
                            exact.layers(),
                            trial.trials(),
                            100.0 * trial.exact() / trial.trials(),
                            100.0 * trial.withinOne() / trial.trials());
            out().printf(
                            "  it scored %.1f boundaries with %.0f%% of the layer evaluations, and lost %.5f nats per token on "
                                    + "average%n",
                            trial.meanBoundaries(), 100 * trial.meanShare(), trial.meanLoss());
        }
        out().println(OfflineDecision.of(rule, tokens, scores).written());
        out().flush();
    }

    private List<ExampleScore> scores(SweepRun started) {
        try (SweepRun run = started;
                Progress progress = Progress.start("percent", PERCENT, err())) {
            while (run.runSlice()) {
                progress.stepTo((long) (PERCENT * run.progress()));
            }
            progress.stepTo(PERCENT);
            return run.scores();
        }
    }

    private static double seconds(long startNanos) {
        return (System.nanoTime() - startNanos) / 1e9;
    }
}
