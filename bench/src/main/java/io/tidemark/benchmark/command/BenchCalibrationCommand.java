package io.tidemark.benchmark.command;

import io.tidemark.benchmark.calibration.CalibrationSimulation;
import io.tidemark.benchmark.calibration.RecordedScores;
import io.tidemark.benchmark.calibration.RuleResult;
import io.tidemark.benchmark.calibration.SentWorld;
import io.tidemark.benchmark.calibration.World;
import io.tidemark.calibration.rule.Objective;
import io.tidemark.calibration.rule.RuleSettings;
import io.tidemark.cli.console.CommandException;
import io.tidemark.cli.console.ConsoleCommand;
import io.tidemark.cli.console.FailureText;
import io.tidemark.cli.console.Progress;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code bench/bench calibration}: simulates rules that choose boundaries. */
@Command(
        name = "calibration",
        description = "Simulates streams of validation examples with known differences between boundaries, and compares"
                + " rules that choose a boundary after every batch.",
        footer = {
            "",
            "Rules: 1-SE is the one-standard-error rule on all examples so far; e-process is the calibrator's rule.",
            "",
            "Example:",
            "  bench/bench calibration --streams 100 --objective latency"
        })
final class BenchCalibrationCommand extends ConsoleCommand {

    private static final Pattern BATCHES = Pattern.compile("(\\d{1,5})(?:-(\\d{1,5}))?");

    @Option(
            names = "--objective",
            paramLabel = "OBJECTIVE",
            defaultValue = "balanced,latency",
            split = ",",
            description = "quality, balanced, latency or tolerance:NATS; may be repeated. Default: ${DEFAULT-VALUE}.")
    private List<String> objectives;

    @Option(names = "--streams", paramLabel = "N", description = "Streams of each world. Default: ${DEFAULT-VALUE}.")
    private int streams = 1000;

    @Option(names = "--examples", paramLabel = "N", description = "Examples of a stream. Default: ${DEFAULT-VALUE}.")
    private int examples = 1600;

    @Option(
            names = "--batches",
            paramLabel = "N-N",
            defaultValue = "4-64",
            description = "Examples of a batch. Default: ${DEFAULT-VALUE}.")
    private String batches;

    @Option(names = "--seed", paramLabel = "N", description = "Seed of the streams. Default: ${DEFAULT-VALUE}.")
    private long seed = 1;

    @Mixin
    private CalibrationRuleOptions rule = new CalibrationRuleOptions();

    @Option(
            names = "--scores",
            paramLabel = "FILE",
            description = "Recorded scores: CSV, which may be compressed with gzip, with the adapter and the mean"
                    + " log-probabilities of an example at the boundaries 0 to L in each line. Adds worlds that draw"
                    + " from them.")
    private Optional<Path> scores = Optional.empty();

    @Override
    public Integer call() {
        CalibrationSimulation simulation = simulation();
        Map<String, double[][]> recorded =
                scores.map(BenchCalibrationCommand::read).orElse(Map.of());
        RecordedOrders orders = new RecordedOrders(simulation);
        CalibrationReport report = new CalibrationReport(simulation, results(simulation, worlds(simulation, recorded)));
        out().print(report.tables() + sent(simulation) + (recorded.isEmpty() ? "" : orders.table(recorded)));
        out().flush();
        return 0;
    }

    private List<RuleResult> results(CalibrationSimulation simulation, List<World> worlds) {
        List<RuleResult> results = new ArrayList<>();
        try (Progress progress = Progress.start("worlds", worlds.size(), err())) {
            for (int i = 0; i < worlds.size(); i++) {
                results.addAll(simulation.run(worlds.get(i)));
                progress.stepTo(i + 1);
            }
        }
        return results;
    }

    /** The table of the worlds whose examples are sent in different ways. */
    private String sent(CalibrationSimulation simulation) {
        Objective objective = simulation.objectives().get(0);
        List<Integer> boundaries = simulation.settings().candidates(World.layers());
        List<SentWorld> worlds = SentWorld.all(boundaries, examples);
        StringBuilder table = new StringBuilder(String.format(
                Locale.ROOT,
                "%nSending, %s: share of streams that ever move to a harmful boundary; as sent, and with a remedy%n"
                        + "%-32s%8s  %-16s%10s  %-18s%10s%n",
                objective.written(),
                "world",
                "mean",
                "broken",
                "as sent",
                "remedy",
                "with it"));
        try (Progress progress = Progress.start("ways of sending", worlds.size(), err())) {
            for (SentWorld world : worlds) {
                table.append(String.format(
                        Locale.ROOT,
                        "%-32s%8.3f  %-16s%10.3f  %-18s%10s%n",
                        world.name(),
                        world.mean(),
                        world.broken().orElse("none"),
                        (double) simulation.moved(world, boundaries, objective, false) / streams,
                        world.remedy().map(SentWorld.Remedy::name).orElse("-"),
                        world.remedy().isEmpty()
                                ? "-"
                                : String.format(
                                        Locale.ROOT,
                                        "%.3f",
                                        (double) simulation.moved(world, boundaries, objective, true) / streams)));
                progress.stepTo(worlds.indexOf(world) + 1L);
            }
        }
        return table.toString();
    }

    private List<World> worlds(CalibrationSimulation simulation, Map<String, double[][]> recorded) {
        RuleSettings settings = simulation.settings();
        try {
            List<World> worlds = new ArrayList<>(World.synthetic(settings.candidates(World.layers())));
            worlds.addAll(World.recorded(recorded, settings::candidates));
            return worlds;
        } catch (IllegalArgumentException e) {
            throw wrongUse(e);
        }
    }

    private static Map<String, double[][]> read(Path file) {
        try {
            return RecordedScores.read(file);
        } catch (IOException e) {
            throw new CommandException(file + " cannot be read: " + FailureText.oneLine(e), e);
        } catch (IllegalArgumentException e) {
            throw new CommandException(e.getMessage(), e);
        }
    }

    private CalibrationSimulation simulation() {
        Matcher sizes = BATCHES.matcher(batches);
        if (!sizes.matches()) {
            throw wrongUse("--batches must be a range such as 4-64, or a number");
        }
        int least = Integer.parseInt(sizes.group(1));
        int most = sizes.group(2) == null ? least : Integer.parseInt(sizes.group(2));
        try {
            return new CalibrationSimulation(
                    rule.settings(),
                    objectives.stream().map(Objective::parse).toList(),
                    streams,
                    examples,
                    least,
                    most,
                    seed);
        } catch (IllegalArgumentException e) {
            throw wrongUse(e);
        }
    }
}
