package io.tidemark.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.tidemark.boundary.Boundary;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class CurveStatisticsTest {

    static List<ReferenceCurve> references() {
        return ReferenceCurve.all();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("references")
    @DisplayName("Order and grouping of the examples do not change the curve, its standard errors or the choices")
    void orderAndGrouping(ReferenceCurve reference) {
        BoundaryCurve expected = reference.statistics().curve();
        for (int seed = 0; seed < 20; seed++) {
            Random random = new Random(seed);
            List<ExampleScore> shuffled = new ArrayList<>(reference.scores());
            Collections.shuffle(shuffled, random);
            BoundaryCurve curve =
                    inRandomGroups(shuffled, expected.numLayers(), random).curve();
            assertThat(curve.samples()).isEqualTo(expected.samples());
            assertSame(curve, expected);
        }
    }

    @Test
    @DisplayName("Means and standard errors equal the textbook formulas")
    void textbook() {
        List<ExampleScore> scores = ReferenceCurve.named("lora-gsm").scores();
        BoundaryCurve curve = CurveStatistics.empty(30).plus(scores).curve();
        for (int b = 0; b <= 30; b++) {
            int boundary = b;
            List<Double> differences = scores.stream()
                    .map(ExampleScore::meanLogprobByBoundary)
                    .map(values -> values.get(13) - values.get(boundary))
                    .toList();
            double mean = differences.stream().mapToDouble(d -> d).average().orElseThrow();
            double squares = differences.stream()
                    .mapToDouble(d -> (d - mean) * (d - mean))
                    .sum();
            double error = Math.sqrt(squares / (differences.size() - 1) / differences.size());
            assertThat(curve.loss(new Boundary(b), new Boundary(13))).isCloseTo(mean, within(1e-12));
            assertThat(curve.standardError(new Boundary(b), new Boundary(13))).isCloseTo(error, within(1e-9));
            assertThat(curve.standardError(new Boundary(13), new Boundary(b))).isCloseTo(error, within(1e-9));
        }
    }

    @Test
    @DisplayName("Merging 4096 times gives the same result as doubling 12 times")
    void manyExamples() {
        List<ExampleScore> scores = ReferenceCurve.named("llama-gqa/all").scores();
        CurveStatistics once = CurveStatistics.empty(6).plus(scores);
        CurveStatistics doubled = once;
        CurveStatistics added = once;
        for (int i = 1; i < 4096; i++) {
            added = added.merge(once);
        }
        for (int i = 0; i < 12; i++) {
            doubled = doubled.merge(doubled);
        }
        assertSame(added.curve(), doubled.curve());
        assertThat(added.count()).isEqualTo(4096L * 18);
    }

    @Test
    @DisplayName("Scores of another number of layers, NaN scores and curves without examples are rejected")
    void refusals() {
        CurveStatistics statistics = CurveStatistics.empty(6);
        assertThatThrownBy(() -> statistics.plus(new ExampleScore(1, List.of(-1.0, -2.0))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("6 and 1 layers");
        assertThatThrownBy(() -> new ExampleScore(1, List.of(-1.0, Double.NaN)))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(statistics::curve).isInstanceOf(IllegalStateException.class);
    }

    private static CurveStatistics inRandomGroups(List<ExampleScore> scores, int numLayers, Random random) {
        CurveStatistics left = CurveStatistics.empty(numLayers);
        CurveStatistics right = CurveStatistics.empty(numLayers);
        for (int from = 0; from < scores.size(); ) {
            int to = Math.min(scores.size(), from + 1 + random.nextInt(5));
            CurveStatistics group = CurveStatistics.empty(numLayers).plus(scores.subList(from, to));
            if (random.nextBoolean()) {
                left = left.merge(group);
            } else {
                right = group.merge(right);
            }
            from = to;
        }
        return left.merge(right);
    }

    private static void assertSame(BoundaryCurve actual, BoundaryCurve expected) {
        for (int b = 0; b <= expected.numLayers(); b++) {
            Boundary boundary = new Boundary(b);
            assertThat(actual.mean(boundary)).isCloseTo(expected.mean(boundary), within(1e-9));
            assertThat(actual.standardError(boundary, expected.best()))
                    .isCloseTo(expected.standardError(boundary, expected.best()), within(1e-7));
        }
        for (Objective objective : List.of(
                new Objective.Quality(),
                new Objective.Balanced(),
                new Objective.Latency(),
                new Objective.Tolerance(0.05))) {
            assertThat(objective.choose(actual)).isEqualTo(objective.choose(expected));
        }
    }
}
