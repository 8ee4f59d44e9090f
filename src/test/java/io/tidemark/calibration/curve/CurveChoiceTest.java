package io.tidemark.calibration.curve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.tidemark.boundary.Boundary;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class CurveChoiceTest {

    static Stream<ReferenceCurve> references() {
        return ReferenceCurve.all().stream();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("references")
    @DisplayName("The curve and the choices from it equal the reference")
    void agreesWithTheReference(ReferenceCurve reference) {
        BoundaryCurve curve = reference.statistics().curve();
        for (int b = 0; b <= curve.numLayers(); b++) {
            assertThat(curve.mean(new Boundary(b)))
                    .isCloseTo(reference.meanLogprobPerTokenByBoundary().get(b), within(1e-9));
        }
        assertThat(CurveChoice.BEST.of(curve)).isEqualTo(new Boundary(reference.bestBoundary()));
        assertThat(OneStandardError.choose(curve)).isEqualTo(new Boundary(reference.oneStandardErrorBoundary()));
        assertThat(CurveChoice.NO_WORSE_THAN_FULL.of(curve)).isEqualTo(new Boundary(reference.latencyBoundary()));
    }

    @Test
    @DisplayName(
            "The one-standard-error rule keeps all 30 layers of one reference adapter and chooses 13 for an overfit one")
    void bothAnswersArePossible() {
        assertThat(OneStandardError.choose(
                        ReferenceCurve.named("lora-e2e").statistics().curve()))
                .isEqualTo(new Boundary(30));
        assertThat(OneStandardError.choose(
                        ReferenceCurve.named("lora-gsm").statistics().curve()))
                .isEqualTo(new Boundary(13));
    }

    @Test
    @DisplayName("Values within 1e-6 nats tie, and the smaller boundary is chosen")
    void ties() {
        BoundaryCurve tied = curve(List.of(-2.0, -1.0000009, -1.0), List.of(-4.0, -2.0000009, -2.0));
        assertThat(CurveChoice.BEST.of(tied)).isEqualTo(new Boundary(1));
        assertThat(CurveChoice.NO_WORSE_THAN_FULL.of(tied)).isEqualTo(new Boundary(1));
        assertThat(OneStandardError.choose(tied)).isEqualTo(new Boundary(1));
        BoundaryCurve apart = curve(List.of(-2.0, -1.00001, -1.0), List.of(-4.0, -2.00001, -2.0));
        assertThat(CurveChoice.BEST.of(apart)).isEqualTo(new Boundary(2));
        assertThat(CurveChoice.NO_WORSE_THAN_FULL.of(apart)).isEqualTo(new Boundary(2));
    }

    @Test
    @DisplayName("The standard error is that of the paired differences, not of the two means")
    void pairedDifferences() {
        // the examples differ by whole nats, and the boundaries by 0.2 in each example
        BoundaryCurve curve = curve(List.of(-1.2, -1.0), List.of(-5.2, -5.0), List.of(-9.2, -9.0));
        assertThat(curve.standardError(new Boundary(0), new Boundary(1))).isCloseTo(0, within(1e-7));
        assertThat(OneStandardError.choose(curve)).isEqualTo(new Boundary(1));
    }

    @Test
    @DisplayName("The one-standard-error rule accepts a loss of one standard error and no more")
    void oneStandardError() {
        // the differences are 0 and 2: mean 1, standard error 1
        assertThat(OneStandardError.choose(curve(List.of(-1.0, -1.0), List.of(-3.0, -1.0))))
                .isEqualTo(new Boundary(0));
        // 0.1 and 2: mean 1.05, standard error 0.95
        assertThat(OneStandardError.choose(curve(List.of(-1.1, -1.0), List.of(-3.0, -1.0))))
                .isEqualTo(new Boundary(1));
    }

    @Test
    @DisplayName("With one example, the one-standard-error rule chooses the best boundary")
    void oneExample() {
        BoundaryCurve curve = curve(List.of(-2.0, -1.0, -1.5));
        assertThat(OneStandardError.choose(curve)).isEqualTo(new Boundary(1));
    }

    @ParameterizedTest(name = "{0} degrees of freedom: {1}")
    @CsvSource({"0,12.7062", "1,12.7062", "2,4.3027", "4,2.7764", "5,2.5706", "10,2.2281", "23,2.0687", "200,1.9719"})
    @DisplayName("The quantile of Student's t is within 0.002 of the table")
    void studentT(long degrees, double expected) {
        assertThat(StudentT.upper975(degrees)).isCloseTo(expected, within(0.002));
    }

    @SafeVarargs
    private static BoundaryCurve curve(List<Double>... scores) {
        CurveStatistics statistics = CurveStatistics.empty(scores[0].size() - 1);
        for (List<Double> values : scores) {
            statistics = statistics.plus(new ExampleScore(1, values));
        }
        return statistics.curve();
    }
}
