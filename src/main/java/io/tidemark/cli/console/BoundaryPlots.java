package io.tidemark.cli.console;

import io.tidemark.calibration.curve.BoundaryCurve;
import io.tidemark.calibration.curve.CurveChoice;
import io.tidemark.evaluation.ProbabilityCurve;
import io.tidemark.message.BoundaryDecisionRecord;
import io.tidemark.plot.IntervalPlot;
import io.tidemark.plot.Plot;
import io.tidemark.plot.Plot.Mark;
import io.tidemark.plot.Plot.Series;
import io.tidemark.plot.SvgPlot;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/** Plots of boundary curves, probability curves and decisions, and their SVG files. */
public final class BoundaryPlots {

    private BoundaryPlots() {}

    /** The probability of gold tokens after every layer. */
    public static Plot probability(String adapter, ProbabilityCurve curve, ProbabilityCurve.Measure measure) {
        return new Plot(
                adapter + ": the gold token after every layer, " + curve.examples() + " examples",
                "layers",
                measure.axis(),
                List.of(new Series("with LoRA", curve.with()), new Series("without LoRA", curve.without())),
                List.of(new Mark(curve.suggested().layers(), "suggested " + curve.suggested())));
    }

    /** The log-likelihood at every boundary, with all choices from the curve. */
    public static Plot boundary(String adapter, BoundaryCurve curve) {
        Map<String, Integer> chosen = new LinkedHashMap<>();
        for (CurveChoice choice : CurveChoice.values()) {
            chosen.put(choice.written(), choice.of(curve).layers());
        }
        return boundary(adapter, curve.samples(), curve.means(), chosen);
    }

    /**
     * The log-likelihood at every boundary.
     *
     * @param means  mean log-likelihood per gold token at boundaries 0 .. L, in nats
     * @param chosen boundaries by the name of the choice, in the order of the labels
     */
    public static Plot boundary(String adapter, long examples, List<Double> means, Map<String, Integer> chosen) {
        SortedMap<Integer, String> labels = new TreeMap<>();
        chosen.forEach((choice, boundary) -> labels.merge(boundary, choice, (all, next) -> all + ", " + next));
        return new Plot(
                adapter + ": log-likelihood at every boundary, " + examples + " examples",
                "boundary",
                "mean nats per gold token",
                List.of(new Series("LoRA in the layers below the boundary", means)),
                labels.entrySet().stream()
                        .map(choice -> new Mark(choice.getKey(), choice.getValue() + " " + choice.getKey()))
                        .toList());
    }

    /**
     * The differences to full LoRA on which a decision was based.
     *
     * @param before the boundary before; marked if another one is in force
     */
    public static IntervalPlot differences(BoundaryDecisionRecord decision, int before) {
        List<Mark> marks = new ArrayList<>();
        marks.add(new Mark(decision.boundary(), "in force " + decision.boundary()));
        if (before != decision.boundary()) {
            marks.add(new Mark(before, "before " + before));
        }
        return new IntervalPlot(
                decision.adapter() + ": difference to full LoRA in nats per gold token, "
                        + decision.epoch().examples() + " examples",
                "boundary",
                decision.boundaries().stream()
                        .map(row -> new IntervalPlot.IntervalPoint(
                                row.boundary(), row.difference(), row.interval().orElse(0), row.certified()))
                        .toList(),
                "certified, or full LoRA",
                "not certified",
                marks);
    }

    /** Writes {@code NAME.svg} to a folder, which is created if missing. */
    public static void write(Path folder, String name, Plot plot) {
        Path file = folder.resolve(name + ".svg");
        try {
            Files.createDirectories(folder);
            Files.writeString(file, SvgPlot.of(plot));
        } catch (IOException e) {
            throw new CommandException(file + " cannot be written: " + FailureText.oneLine(e), e);
        }
    }
}
