package io.tidemark.cli.bench;

import io.tidemark.benchmark.scaling.ScalingResult;
import io.tidemark.benchmark.scaling.ScalingSimulation;
import io.tidemark.benchmark.scaling.Signal;
import io.tidemark.cli.console.Progress;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/** {@code tidemark bench scaling}: simulates autoscaling by several signals. */
@Command(
        name = "scaling",
        description =
                "Simulates autoscaling on a virtual clock, and compares the signals that set the number of workers.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "A signal is replicas=N, a constant, or one or more thresholds per worker, of which the one that asks for most",
            "workers counts: lag=OFFSETS, work=SECONDS, load=WORKERS. @SECONDS replaces the stabilization window.",
            "",
            "Example:",
            "  tidemark bench scaling --signal lag=24 --signal work=5+load=0.6 --signal work=5+load=0.6@300"
        })
final class BenchScalingCommand implements Callable<Integer> {

    private static final Pattern COURSE = Pattern.compile("(\\d{1,6})-(\\d{1,6})");

    @Spec
    private CommandSpec spec;

    @Option(
            names = "--signal",
            paramLabel = "SIGNAL",
            converter = SignalConverter.class,
            defaultValue =
                    "replicas=6,replicas=8,lag=48@300,lag=24@300,lag=24,work=5,work=5+load=0.6@300,work=5+load=0.6,work=5+load=0.8,work=2+load=0.6,work=10+load=0.6",
            split = ",",
            description = "What sets the number of workers; may be repeated. Default: ${DEFAULT-VALUE}.")
    private List<Signal> signals;

    @Option(
            names = "--target",
            paramLabel = "S",
            defaultValue = "10",
            description = "Seconds to the first token beyond which a request is late. Default: ${DEFAULT-VALUE}.")
    private double target;

    @Option(
            names = "--seed",
            paramLabel = "N",
            defaultValue = "1",
            description = "Seed of the requests. Default: ${DEFAULT-VALUE}.")
    private long seed;

    @Mixin
    private ScalingWorkloadOptions workload = new ScalingWorkloadOptions();

    @Mixin
    private ScalingWorkerOptions worker = new ScalingWorkerOptions();

    @Mixin
    private ScalingScalerOptions scaler = new ScalingScalerOptions();

    @Option(names = "--json", description = "Print the results as JSON, with the state of each minute.")
    private boolean json;

    @Option(
            names = "--pictures",
            paramLabel = "DIR",
            description = "Write scaling-trade-off.svg and scaling-course.svg to this folder.")
    private Optional<Path> pictures = Optional.empty();

    @Option(
            names = "--course",
            paramLabel = "MINUTE-MINUTE",
            defaultValue = "0-240",
            description = "The part of the trace in scaling-course.svg. Default: ${DEFAULT-VALUE}.")
    private String course;

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
        int[] minutes = courseMinutes();
        ScalingReport report = new ScalingReport(results(), target);
        PrintWriter out = spec.commandLine().getOut();
        out.print(json ? report.json() : report.table());
        out.flush();
        pictures.ifPresent(folder -> report.writePictures(folder, minutes[0], minutes[1]));
        return 0;
    }

    private Map<Signal, ScalingResult> results() {
        ScalingSimulation simulation = simulation();
        Map<Signal, ScalingResult> results = new LinkedHashMap<>();
        try (Progress progress =
                Progress.start("signals", signals.size(), spec.commandLine().getErr())) {
            for (Signal signal : signals) {
                results.put(signal, simulation.run(signal, seed, target));
                progress.stepTo(results.size());
            }
        }
        return results;
    }

    private ScalingSimulation simulation() {
        try {
            return new ScalingSimulation(workload.workload(), worker.worker(), worker.group(), scaler.settings());
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), e.getMessage(), e);
        }
    }

    private int[] courseMinutes() {
        Matcher minutes = COURSE.matcher(course);
        if (!minutes.matches()) {
            throw new ParameterException(spec.commandLine(), "--course must be two numbers such as 0-240");
        }
        return new int[] {Integer.parseInt(minutes.group(1)), Integer.parseInt(minutes.group(2))};
    }
}
