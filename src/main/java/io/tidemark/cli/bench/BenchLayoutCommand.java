package io.tidemark.cli.bench;

import io.tidemark.benchmark.LayoutBenchmark;
import io.tidemark.benchmark.LayoutBenchmark.Cell;
import io.tidemark.benchmark.LayoutBenchmark.Rates;
import io.tidemark.cli.console.CommandException;
import io.tidemark.cli.model.LocalModel;
import io.tidemark.cli.model.ModelAndAdapterOptions;
import io.tidemark.generation.layout.EngineLayout;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code tidemark bench layout}: compares the default number of instances and threads with fixed ones. */
@Command(
        name = "layout",
        description = "Compares the engine's default layout with fixed numbers of instances and threads.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Example:",
            "  tidemark bench layout --model models/base --compute-type int8 --adapter adapters/a --adapter adapters/b \\",
            "      --rows 1,8,32"
        })
final class BenchLayoutCommand implements Callable<Integer> {

    @Spec
    private CommandSpec spec;

    @Mixin
    private ModelAndAdapterOptions model = new ModelAndAdapterOptions();

    @Mixin
    private RequestSizeOptions size = new RequestSizeOptions(40, 256);

    @Option(
            names = "--rows",
            split = ",",
            paramLabel = "N",
            defaultValue = "1,2,4,8,16,32",
            description = "Requests that start together; one or several numbers. Default: ${DEFAULT-VALUE}.")
    private List<Integer> rows;

    @Option(
            names = "--rounds",
            paramLabel = "N",
            defaultValue = "7",
            description = "Rounds over the layouts in each case, 6 or more. Default: ${DEFAULT-VALUE}.")
    private int rounds;

    @Option(
            names = "--seconds",
            paramLabel = "N",
            defaultValue = "5",
            description = "Seconds of a layout in a round, rounded up to whole sets of requests. "
                    + "Default: ${DEFAULT-VALUE}.")
    private int seconds;

    @Override
    public Integer call() {
        if (Collections.min(rows) < 1
                || size.promptTokens() < 1
                || size.newTokens() < 1
                || seconds < 1
                || size.prefillTokensPerStep() < 1) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--rows, --prompt-tokens, --new-tokens, --seconds and --prefill-tokens-per-step must be 1 or more");
        }
        if (rounds < LayoutBenchmark.MIN_ROUNDS) {
            throw new ParameterException(
                    spec.commandLine(), "--rounds must be " + LayoutBenchmark.MIN_ROUNDS + " or more");
        }
        List<Cell> cells = new ArrayList<>();
        for (int count : rows) {
            cells.add(new Cell(count, false));
            if (!model.adapters().isEmpty()) {
                cells.add(new Cell(count, true));
            }
        }
        try (LocalModel local = model.open()) {
            LayoutBenchmark bench = new LayoutBenchmark(
                    local.language(),
                    model.loadAdapters(local),
                    new LayoutBenchmark.Requests(size.promptTokens(), size.newTokens()));
            print(bench.compared(), bench.run(cells, rounds, Duration.ofSeconds(seconds), size.prefillTokensPerStep()));
        } catch (IllegalStateException | IllegalArgumentException e) {
            throw new CommandException(e.getMessage(), e);
        }
        return 0;
    }

    private void print(List<EngineLayout> layouts, List<Rates> measured) {
        PrintWriter out = spec.commandLine().getOut();
        int adapters = model.adapters().size();
        out.printf("generated tokens per second, geometric means of %d rounds%n", rounds);
        out.printf("%4s  %8s  %10s", "rows", "adapters", "default");
        for (EngineLayout layout : layouts.subList(1, layouts.size())) {
            out.printf("  %10s", layout.instances() + " x " + layout.threads());
        }
        out.printf("  %s%n", "default to the best fixed layout (95%)");
        double logs = 0;
        for (Rates rates : measured) {
            out.printf("%4d  %8d  %10.1f", rates.cell().rows(), rates.cell().mixed() ? adapters : 0, rates.mean(0));
            for (int layout = 1; layout < layouts.size(); layout++) {
                out.printf("  %10.1f", rates.mean(layout));
            }
            double ratio = rates.ratio();
            double[] interval = rates.interval();
            out.printf("  %.3f (%.3f to %.3f)%n", ratio, interval[0], interval[1]);
            logs += Math.log(ratio);
        }
        out.printf("geometric mean of the ratios: %.3f%n", Math.exp(logs / measured.size()));
        out.printf("fixed layouts: instances x threads of each; those that would leave processors unused do not run%n");
        out.flush();
    }
}
