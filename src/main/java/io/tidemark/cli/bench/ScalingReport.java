package io.tidemark.cli.bench;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.benchmark.scaling.ScalingResult;
import io.tidemark.benchmark.scaling.ScalingResult.Minute;
import io.tidemark.benchmark.scaling.Signal;
import io.tidemark.cli.console.CommandException;
import io.tidemark.cli.console.FailureText;
import io.tidemark.plot.SvgPlot;
import io.tidemark.plot.XyPlot;
import io.tidemark.plot.XyPlot.Line;
import io.tidemark.plot.XyPlot.Point;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/** The results of {@code bench scaling} as a table, as JSON and as pictures. */
final class ScalingReport {

    private final Map<Signal, ScalingResult> results;
    private final double target;

    /**
     * @param results one or more, of the same requests
     * @param target  seconds to the first token beyond which a request is late
     */
    ScalingReport(Map<Signal, ScalingResult> results, double target) {
        this.results = new LinkedHashMap<>(results);
        this.target = target;
    }

    String table() {
        ScalingResult first = results.values().iterator().next();
        StringBuilder text = new StringBuilder(format(
                "%d requests; their minutes need %.1f workers on average and %.1f at most; target %.0f s%n%n",
                first.requests(),
                first.minutes().stream()
                        .mapToDouble(Minute::neededWorkers)
                        .average()
                        .orElse(0),
                first.minutes().stream()
                        .mapToDouble(Minute::neededWorkers)
                        .max()
                        .orElse(0),
                target));
        text.append(format(
                "%-20s %7s %9s %7s %7s %8s %5s %5s %8s%n",
                "signal", "late", "late time", "median", "p99", "replica-h", "out", "in", "repeated"));
        results.forEach((signal, result) -> text.append(format(
                "%-20s %6.2f%% %8.2f%% %5.2f s %5.1f s %8.1f %5d %5d %7.2f%%%n",
                signal,
                100 * result.lateShare(),
                100 * result.lateTime(),
                result.medianWait(),
                result.p99Wait(),
                result.replicaHours(),
                result.scaleOuts(),
                result.scaleIns(),
                100 * result.repeatedTokens())));
        return text.toString();
    }

    private static String format(String format, Object... values) {
        return String.format(Locale.ROOT, format, values);
    }

    /** One array with an object per signal. */
    String json() {
        ObjectMapper mapper = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
        ArrayNode all = mapper.createArrayNode();
        results.forEach((signal, result) -> {
            ObjectNode each = all.addObject().put("signal", signal.toString());
            each.setAll((ObjectNode) mapper.valueToTree(result));
        });
        try {
            return mapper.writeValueAsString(all) + "\n";
        } catch (JsonProcessingException e) {
            throw new CommandException("the results could not be written as JSON: " + e.getOriginalMessage(), e);
        }
    }

    /**
     * Writes {@code scaling-trade-off.svg} and {@code scaling-course.svg} to a folder, which is created if missing.
     *
     * @param from first minute of the course
     * @param to   last minute of the course
     */
    void writePictures(Path folder, int from, int to) {
        write(folder.resolve("scaling-trade-off.svg"), tradeOff());
        write(folder.resolve("scaling-course.svg"), course(from, to));
    }

    private static void write(Path file, XyPlot plot) {
        try {
            Files.createDirectories(file.toAbsolutePath().getParent());
            Files.writeString(file, SvgPlot.of(plot));
        } catch (IOException e) {
            throw new CommandException(file + " cannot be written: " + FailureText.oneLine(e), e);
        }
    }

    /** A line for each kind of signal. */
    private XyPlot tradeOff() {
        Map<String, List<Point>> kinds = new LinkedHashMap<>();
        results.forEach((signal, result) -> kinds.computeIfAbsent(signal.kind(), any -> new ArrayList<>())
                .add(new Point(result.replicaHours(), 100 * result.lateTime())));
        return plot(
                "Latency and cost, one point per threshold",
                "replica-hours",
                format("%% of the time with a wait of more than %.0f s", target),
                kinds.entrySet().stream()
                        .map(kind -> new Line(
                                kind.getKey(),
                                kind.getValue().stream()
                                        .sorted(Comparator.comparingDouble(Point::x))
                                        .toList(),
                                true))
                        .toList());
    }

    /** The needed workers and the replicas by the first signal of each kind. */
    private XyPlot course(int from, int to) {
        List<Line> lines = new ArrayList<>();
        lines.add(line("needed", results.values().iterator().next(), from, to, Minute::neededWorkers));
        Map<String, Signal> firsts = new LinkedHashMap<>();
        results.keySet().stream()
                .filter(signal -> signal.replicas().isEmpty())
                .forEach(signal -> firsts.putIfAbsent(signal.kind(), signal));
        firsts.values()
                .forEach(signal -> lines.add(line(signal.toString(), results.get(signal), from, to, Minute::replicas)));
        return plot("Workers by signal", "minute", "workers", lines);
    }

    private static Line line(String name, ScalingResult result, int from, int to, ToDoubleFunction<Minute> value) {
        return new Line(
                name,
                IntStream.range(from, Math.min(to, result.minutes().size()))
                        .mapToObj(i -> new Point(
                                i, value.applyAsDouble(result.minutes().get(i))))
                        .toList(),
                false);
    }

    private static XyPlot plot(String title, String xLabel, String yLabel, List<Line> lines) {
        try {
            return new XyPlot(title, xLabel, yLabel, lines);
        } catch (IllegalArgumentException e) {
            throw new CommandException("the picture cannot be drawn: " + e.getMessage(), e);
        }
    }
}
