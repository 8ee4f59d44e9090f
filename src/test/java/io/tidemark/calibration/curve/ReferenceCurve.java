package io.tidemark.calibration.curve;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;

/**
 * A reference of transformers and PEFT for one adapter: summed log-probabilities of gold completions, and the
 * boundaries that they give.
 *
 * @param tokens            number of completion tokens of each example, the end-of-sequence token included
 * @param logprobByBoundary for each example, the sums at the boundaries 0 to L
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record ReferenceCurve(
        String name,
        List<Integer> tokens,
        List<List<Double>> logprobByBoundary,
        List<Double> meanLogprobPerTokenByBoundary,
        int bestBoundary,
        int oneStandardErrorBoundary,
        int latencyBoundary) {

    static List<ReferenceCurve> all() {
        try (InputStream in = ReferenceCurve.class.getResourceAsStream("/calibration/reference-curves.json")) {
            return new ObjectMapper().readValue(in, new TypeReference<List<ReferenceCurve>>() {});
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public static ReferenceCurve named(String name) {
        return all().stream()
                .filter(curve -> curve.name.equals(name))
                .findFirst()
                .orElseThrow();
    }

    public List<ExampleScore> scores() {
        List<ExampleScore> scores = new ArrayList<>();
        for (int i = 0; i < tokens.size(); i++) {
            int count = tokens.get(i);
            scores.add(new ExampleScore(
                    count,
                    logprobByBoundary.get(i).stream().map(sum -> sum / count).toList()));
        }
        return scores;
    }

    CurveStatistics statistics() {
        return CurveStatistics.empty(meanLogprobPerTokenByBoundary.size() - 1).plus(scores());
    }

    @Override
    public String toString() {
        return name;
    }
}
