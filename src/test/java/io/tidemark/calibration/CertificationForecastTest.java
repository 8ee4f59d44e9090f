package io.tidemark.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.tidemark.calibration.HarmTest.Unit;
import java.util.Arrays;
import java.util.OptionalLong;
import java.util.Random;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("The forecast of a certification")
class CertificationForecastTest {

    private static final HarmTest TEST = new HarmTest(0.02, 1, 0.5, Unit.EXAMPLE);
    private static final CertificationForecast FORECAST = new CertificationForecast(TEST);

    @ParameterizedTest(name = "mean {0}, deviation {1}, {2} examples")
    @CsvSource({"0,0,1", "0.01,0.1,60", "-0.01,0.05,200", "0.05,0.3,40", "0.3,0.3,8", "-0.015,0.02,500", "-0.1,0.4,0"})
    @DisplayName("From the sums of the bets, it is the number of observations that a simulation needs")
    void fromSums(double mean, double deviation, int examples) {
        double threshold = EProcesses.threshold(30, 1, 0.05);
        for (int seed = 0; seed < 5; seed++) {
            Stream stream = new Stream(mean, deviation, examples, seed);
            double[] sums = stream.sums();
            OptionalLong simulated = stream.simulated(stream.capped, threshold);
            assertThat(FORECAST.further(sums, stream.capped, threshold)).isEqualTo(simulated);
        }
    }

    @ParameterizedTest(name = "mean {0}, deviation {1}, {2} examples")
    @CsvSource({"0.01,0.1,60", "-0.005,0.05,200", "0.05,0.3,40", "0.1,0.3,16", "0.02,0.2,100"})
    @DisplayName("From ln E and the mean difference, it is that of the simulation within a fifth and two")
    void fromDecision(double mean, double deviation, int examples) {
        double threshold = EProcesses.threshold(30, 2, 0.05);
        int compared = 0;
        for (int seed = 0; seed < 40; seed++) {
            Stream stream = new Stream(mean, deviation, examples, seed);
            OptionalLong simulated = stream.simulated(stream.capped, threshold);
            OptionalLong forecast = FORECAST.observations(examples, stream.capped, stream.logE(), threshold);
            assertThat(forecast.isPresent()).isEqualTo(simulated.isPresent());
            if (simulated.isPresent()) {
                compared++;
                assertThat((double) forecast.getAsLong())
                        .as("seed %d, ln E %.2f, mean %.4f", seed, stream.logE(), stream.capped)
                        .isCloseTo(simulated.getAsLong(), within(2 + 0.2 * simulated.getAsLong()));
            }
        }
        assertThat(compared).isGreaterThan(20);
    }

    @Test
    @DisplayName("Sums that stand for those of a decision lead to its ln E, also if no distance of two points does")
    void sumsLeadToLogE() {
        for (double logE : new double[] {-9, -2, 0, 1.5, 4, 9}) {
            for (double mean : new double[] {-1, -0.3, 0, 0.2, 0.5}) {
                double[] sums = FORECAST.sums(50, mean, logE);
                assertThat(EProcesses.of(1, Arrays.stream(sums).boxed().toList())
                                .logValue(0))
                        .isCloseTo(logE, within(1e-9));
            }
        }
    }

    @Test
    @DisplayName("A mean at or below -margin is never certified, and one above the threshold needs nothing")
    void ends() {
        assertThat(FORECAST.observations(100, -0.02, -1, 6)).isEmpty();
        assertThat(FORECAST.observations(100, -3, -20, 6)).isEmpty();
        assertThat(FORECAST.observations(100, 0.1, 6, 6)).hasValue(0);
        assertThat(FORECAST.observations(0, 0, 0, 6).getAsLong()).isPositive();
    }

    @Test
    @DisplayName("Losses beyond the cap do not make it 'never' while ln E is above 0")
    void lossesBeyondTheCap() {
        double[][] capped = new double[100][1];
        double sum = 0;
        for (int i = 0; i < capped.length; i++) {
            double difference = i % 50 == 0 ? -5 : 0.05;
            sum += difference;
            capped[i][0] = TEST.capped(difference);
        }
        double mean = sum / capped.length;
        double logE = EProcesses.empty(1).plus(TEST, capped).logValue(0);
        assertThat(mean).isLessThan(-0.02);
        assertThat(logE).isPositive();
        assertThat(FORECAST.observations(100, mean, logE, 6).getAsLong()).isPositive();
        assertThat(FORECAST.observations(100, mean, 0, 6)).isEmpty();
    }

    @ParameterizedTest(name = "{0} boundaries, margin {1}, cap {2}")
    @CsvSource({"8,0.02,1,336", "30,0.02,1,405", "30,0.02,0.5,200", "8,0.05,1,132"})
    @DisplayName("Without examples, a mean of 0 needs at most what the largest bet alone needs")
    void documented(int boundaries, double margin, double cap, int documented) {
        double threshold = EProcesses.threshold(boundaries, 1, 0.05);
        double largestBet = Math.log(4 * boundaries / 0.05) / Math.log(1 + 0.95 * margin / (cap - margin));
        assertThat(Math.round(largestBet)).isEqualTo(documented);
        long needed = new CertificationForecast(new HarmTest(margin, cap, 0.5, Unit.EXAMPLE))
                .observations(0, 0, 0, threshold)
                .getAsLong();
        assertThat(needed).isBetween(documented - 10L, (long) Math.ceil(largestBet));
    }

    /** Random differences, capped, and their e-process. */
    private static final class Stream {

        private final double capped;
        private final EProcesses after;

        private Stream(double mean, double deviation, int examples, int seed) {
            Random random = new Random(seed);
            double[][] differences = new double[examples][1];
            double sum = 0;
            for (double[] difference : differences) {
                difference[0] = TEST.capped(mean + deviation * random.nextGaussian());
                sum += difference[0];
            }
            this.capped = examples == 0 ? mean : sum / examples;
            this.after = EProcesses.empty(1).plus(TEST, differences);
        }

        private double[] sums() {
            return after.sums().stream().mapToDouble(Double::doubleValue).toArray();
        }

        private double logE() {
            return after.logValue(0);
        }

        /** Adds one observation after the other until ln E is at the threshold. */
        private OptionalLong simulated(double each, double threshold) {
            EProcesses now = after;
            for (int more = 0; more < 1_000_000; more++) {
                if (now.logValue(0) >= threshold) {
                    return OptionalLong.of(more);
                }
                now = now.plus(TEST, new double[][] {{each}});
            }
            return OptionalLong.empty();
        }
    }
}
