package io.tidemark.benchmark.command;

import io.tidemark.benchmark.scaling.ScalingResult;
import io.tidemark.benchmark.scaling.ScalingSimulation;
import io.tidemark.benchmark.scaling.Signal;
import io.tidemark.cli.console.ConsoleCommand;
import io.tidemark.cli.console.Progress;
import java.util.ArrayList;
import java.util.DoubleSummaryStatistics;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** {@code bench/bench scaling}: simulates autoscaling by several signals. */
@Command(
        name = "scaling",
        description =
                "Simulates a day of autoscaling on a virtual clock, and compares the signals that set the number of workers.",
        footer = {
            "",
            "A signal is replicas=N, a constant, or one or more thresholds per worker, of which the one that asks for most",
            "workers counts: lag=OFFSETS, work=SECONDS, load=WORKERS. @SECONDS replaces the stabilization window.",
            "",
            "Example:",
            "  bench/bench scaling --signal lag=24 --signal work=5+load=0.6 --signal work=5+load=0.6@300"
        })
final class BenchScalingCommand extends ConsoleCommand {

    @Option(
            names = "--signal",
            paramLabel = "SIGNAL",
            converter = SignalConverter.class,
            defaultValue =
                    "replicas=6,replicas=8,lag=48@300,lag=24@300,lag=24,work=5,work=5+load=0.6@300,work=5+load=0.6,work=5+load=0.8,work=2+load=0.6,work=10+load=0.6",
            split = ",",
            description = "What sets the number of workers; may be repeated. Default: ${DEFAULT-VALUE}.")
    private List<Signal> signals;

    @Option(names = "--seed", paramLabel = "N", description = "Seed of the requests. Default: ${DEFAULT-VALUE}.")
    private long seed = 1;

    private static final class SignalConverter implements ITypeConverter<Signal> {

        @Override
        public Signal convert(String text) {
            try {
                return Signal.parse(text);
            } catch (IllegalArgumentException e) {
                throw new TypeConversionException(e.getMessage());
            }
        }
    }

    @Override
    public Integer call() {
        ScalingSimulation simulation = ScalingSimulation.ofDay(seed);
        List<ScalingResult> results = new ArrayList<>();
        try (Progress progress = Progress.start("signals", signals.size(), err())) {
            for (Signal signal : signals) {
                results.add(simulation.run(signal));
                progress.stepTo(results.size());
            }
        }
        print(simulation, results);
        return 0;
    }

    private void print(ScalingSimulation simulation, List<ScalingResult> results) {
        DoubleSummaryStatistics needed = simulation.neededWorkers();
        out().printf(
                        Locale.ROOT,
                        "%d requests; their minutes need %.1f workers on average and %.1f at most; target %.0f s%n%n",
                        simulation.requests(),
                        needed.getAverage(),
                        needed.getMax(),
                        ScalingSimulation.TARGET_SECONDS);
        out().printf(
                        "%-20s %7s %9s %7s %7s %8s %5s %5s %8s%n",
                        "signal", "late", "late time", "median", "p99", "replica-h", "out", "in", "repeated");
        for (int i = 0; i < results.size(); i++) {
            ScalingResult result = results.get(i);
            out().printf(
                            Locale.ROOT,
                            "%-20s %6.2f%% %8.2f%% %5.2f s %5.1f s %8.1f %5d %5d %7.2f%%%n",
                            signals.get(i).text(),
                            100 * result.lateShare(),
                            100 * result.lateTime(),
                            result.medianWait(),
                            result.p99Wait(),
                            result.replicaHours(),
                            result.scaleOuts(),
                            result.scaleIns(),
                            100 * result.repeatedTokens());
        }
        out().flush();
    }
}
