package io.tidemark.evaluation;

import io.tidemark.boundary.Boundary;
import io.tidemark.evaluation.EvaluationReport.Row;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/** Turns what was measured at each boundary into rows, with full LoRA as the measure of all others. */
record ReportRows(
        Map<Optional<Boundary>, List<Double>> likelihoods,
        Map<Optional<Boundary>, Texts> texts,
        Map<Optional<Boundary>, Double> speeds,
        boolean answers) {

    Row of(Setting setting) {
        Optional<Boundary> boundary = setting.boundary();
        TextScores scores = texts.get(boundary).scores();
        OptionalDouble mean = OptionalDouble.of(scores.mean());
        return new Row(
                setting.name(),
                boundary.map(b -> OptionalInt.of(b.layers())).orElse(OptionalInt.empty()),
                likelihoods.get(boundary).stream()
                        .mapToDouble(Double::doubleValue)
                        .average()
                        .orElseThrow(),
                against(setting, likelihoods.get(boundary), likelihoods.get(full())),
                answers ? OptionalDouble.empty() : mean,
                scores.corpus(),
                answers ? mean : OptionalDouble.empty(),
                against(setting, scores.each(), texts.get(full()).scores().each()),
                texts.get(boundary).meanTokens(),
                speeds.containsKey(boundary) ? OptionalDouble.of(speeds.get(boundary)) : OptionalDouble.empty());
    }

    private static Optional<PairedDifference> against(Setting setting, List<Double> scores, List<Double> full) {
        return setting.name().equals(Setting.FULL) ? Optional.empty() : Optional.of(PairedDifference.of(scores, full));
    }

    /** Full LoRA is the highest boundary there is. */
    private Optional<Boundary> full() {
        return likelihoods.keySet().stream()
                .flatMap(Optional::stream)
                .max((a, b) -> Integer.compare(a.layers(), b.layers()));
    }
}
