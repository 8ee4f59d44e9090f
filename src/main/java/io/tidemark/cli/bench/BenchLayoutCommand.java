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
import java.util.DoubleSummaryStatistics;
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
            description = "Requests that are open at a time; one or several numbers. Default: ${DEFAULT-VALUE}.")
    private List<Integer> rows;

    @Option(
            names = "--rounds",
            paramLabel = "N",
            defaultValue = "15",
            description = "Rounds over the layouts in each case, 6 or more. Default: ${DEFAULT-VALUE}.")
    private int rounds;

    @Option(
            names = "--seconds",
            paramLabel = "N",
            defaultValue = "2",
            description = "Seconds of a layout in a round, plus the end of its last step. Default: ${DEFAULT-VALUE}.")
    private int seconds;

    @Option(
            names = "--warmup-seconds",
            paramLabel = "N",
            defaultValue = "40",
            description = "Seconds that the default layout runs before the first round of a case, while it tries other "
                    + "widths often. Fixed layouts run at most 10. Default: ${DEFAULT-VALUE}.")
    private int warmUpSeconds;

    @Override
    public Integer call() {
        if (Collections.min(rows) < 1
                || size.promptTokens() < 1
                || size.newTokens() < 1
                || seconds < 1
                || warmUpSeconds < 1
                || size.prefillTokensPerStep() < 1) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--rows, --prompt-tokens, --new-tokens, --seconds, --warmup-seconds and --prefill-tokens-per-step "
                            + "must be 1 or more");
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
            PrintWriter out = spec.commandLine().getOut();
            printHeader(out, bench.compared());
            DoubleSummaryStatistics logs = new DoubleSummaryStatistics();
            Duration warmUp = Duration.ofSeconds(warmUpSeconds);
            Duration slot = Duration.ofSeconds(seconds);
            bench.run(cells, rounds, warmUp, slot, size.prefillTokensPerStep(), rates -> {
                print(out, rates);
                logs.accept(Math.log(rates.ratio()));
            });
            out.printf("geometric mean of the ratios: %.3f%n", Math.exp(logs.getAverage()));
            out.flush();
        } catch (IllegalStateException | IllegalArgumentException e) {
            throw new CommandException(e.getMessage(), e);
        }
        return 0;
    }

    private void printHeader(PrintWriter out, List<EngineLayout> layouts) {
        out.printf("generated tokens per second, geometric means of %d rounds%n", rounds);
        out.printf("fixed layouts: instances x threads of each; those that would leave processors unused do not run%n");
        out.printf(
                "joint: joint steps of the default / its steps, in which a joint step counts once for each instance%n");
        out.printf("%4s  %8s  %10s  %5s", "rows", "adapters", "default", "joint");
        for (EngineLayout layout : layouts.subList(1, layouts.size())) {
            out.printf("  %10s", layout.instances() + " x " + layout.threads());
        }
        out.printf("  %s%n", "default to the best fixed layout (95%)");
        out.flush();
    }

    private void print(PrintWriter out, Rates rates) {
        out.printf(
                "%4d  %8d",
                rates.cell().rows(), rates.cell().mixed() ? model.adapters().size() : 0);
        out.printf("  %10.1f  %5.2f", rates.mean(0), rates.jointPerStep());
        for (int layout = 1; layout < rates.rates().size(); layout++) {
            out.printf("  %10.1f", rates.mean(layout));
        }
        double[] interval = rates.interval();
        out.printf("  %.3f (%.3f to %.3f)%n", rates.ratio(), interval[0], interval[1]);
        out.flush();
    }
}
