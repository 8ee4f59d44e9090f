package io.tidemark.cli;

import io.tidemark.calibration.BoundaryCurve;
import io.tidemark.calibration.Objective;
import io.tidemark.evaluation.ProbabilityCurve;
import io.tidemark.evaluation.ProbabilityCurve.Measure;
import io.tidemark.plot.Plot;
import io.tidemark.plot.Plot.Mark;
import io.tidemark.plot.Plot.Series;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/** Both ways to a boundary as pictures. */
final class CurvePictures {

    private CurvePictures() {}

    static Plot readings(String adapter, ProbabilityCurve curve, Measure measure) {
        return new Plot(
                adapter + ": the gold token after every layer, " + curve.examples() + " examples",
                "layers",
                measure.axis(),
                List.of(new Series("with LoRA", curve.with()), new Series("without LoRA", curve.without())),
                List.of(new Mark(curve.suggested().layers(), "suggested " + curve.suggested())));
    }

    static Plot boundary(String adapter, BoundaryCurve curve) {
        Map<String, Integer> chosen = new LinkedHashMap<>();
        List.of(new Objective.Quality(), new Objective.Balanced(), new Objective.Latency())
                .forEach(objective ->
                        chosen.put(objective.written(), objective.choose(curve).layers()));
        return boundary(adapter, curve.samples(), curve.means(), chosen);
    }

    /** @param chosen boundaries by objective, in the order of the label */
    static Plot boundary(String adapter, long examples, List<Double> means, Map<String, Integer> chosen) {
        SortedMap<Integer, String> labels = new TreeMap<>();
        chosen.forEach((objective, boundary) -> labels.merge(boundary, objective, (all, next) -> all + ", " + next));
        return new Plot(
                adapter + ": log-likelihood at every boundary, " + examples + " examples",
                "boundary",
                "mean nats per gold token",
                List.of(new Series("LoRA in the layers below the boundary", means)),
                labels.entrySet().stream()
                        .map(choice -> new Mark(choice.getKey(), choice.getValue() + " " + choice.getKey()))
                        .toList());
    }
}
