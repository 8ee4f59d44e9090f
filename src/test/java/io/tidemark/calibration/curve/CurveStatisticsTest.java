package io.tidemark.calibration.curve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.tidemark.boundary.Boundary;
import io.tidemark.message.CalibrationEpochRecord.Statistics;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
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

    @ParameterizedTest
    @DisplayName("Are refused in a record whose values could overflow when they are merged")
    @CsvSource({
        "9223372036854775807, -1, 1",
        "9007199254740993, -1, 1",
        "2, -1.7E308, 1",
        "2, 1.7E308, 1",
        "2, -1, 1.7E308"
    })
    void overflowing(long count, double mean, double comoment) {
        assertThatThrownBy(() -> CurveStatistics.of(
                        new Statistics(count, List.of(mean, -1.0), List.of(comoment, 0.0, comoment))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("too large");
    }

    @Test
    @DisplayName("Can be merged with others if they are read from records with the largest values")
    void largestValues() {
        CurveStatistics high = largest(1e100);
        CurveStatistics low = largest(-1e100);
        CurveStatistics merged = IntStream.range(0, 256)
                .mapToObj(i -> i % 2 == 0 ? high : low)
                .reduce(CurveStatistics.empty(1), CurveStatistics::merge)
                .plus(new ExampleScore(1, List.of(-1.0, -2.0)));
        assertThat(merged.count()).isEqualTo(256 * (1L << 53) + 1);
        assertThat(merged.curve().standardError(new Boundary(0), new Boundary(1)))
                .isFinite();
    }

    private static CurveStatistics largest(double mean) {
        return CurveStatistics.of(new Statistics(1L << 53, List.of(mean, -mean), List.of(1e300, 1e300, 1e300)));
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
        for (CurveChoice choice : CurveChoice.values()) {
            assertThat(choice.of(actual)).isEqualTo(choice.of(expected));
        }
    }
}
