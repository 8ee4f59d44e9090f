package io.tidemark.benchmark.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.tidemark.benchmark.calibration.NormalTraffic.Kind;
import io.tidemark.calibration.rule.HarmTest;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Simulated examples")
class NormalTrafficTest {

    private static final HarmTest TEST = new HarmTest(0.02, 0.3, 0.2);

    private static NormalTraffic traffic(boolean independent, double noise, double batchNoise) {
        return new NormalTraffic(
                4,
                List.of(0, 1, 3),
                List.of(new Kind(0.9, b -> 0.1 * b), new Kind(0.1, b -> -1)),
                independent,
                noise,
                batchNoise);
    }

    @ParameterizedTest(name = "independent {0}")
    @ValueSource(booleans = {true, false})
    @DisplayName("The stated means and capped means are those of drawn examples")
    void means(boolean independent) {
        NormalTraffic traffic = traffic(independent, 0.3, 0.2);
        SplittableRandom random = new SplittableRandom(3);
        int batches = 50_000;
        double[] sums = new double[3];
        double[] capped = new double[3];
        for (int i = 0; i < batches; i++) {
            for (double[] example : traffic.batch(4, random)) {
                for (int b = 0; b < 3; b++) {
                    sums[b] += example[b] / batches / 4;
                    capped[b] += TEST.capped(example[b]) / batches / 4;
                }
            }
        }
        for (int b = 0; b < 3; b++) {
            assertThat(traffic.means()[b]).isCloseTo(sums[b], within(0.006));
            assertThat(traffic.cappedMeans(TEST)[b]).isCloseTo(capped[b], within(0.003));
        }
        assertThat(traffic.cappedMeans(TEST)[2]).isLessThan(traffic.means()[2] + 0.05);
    }

    @Test
    @DisplayName("Without noise, the capped mean is that of the kinds")
    void withoutNoise() {
        assertThat(traffic(false, 0, 0).cappedMeans(TEST))
                .containsExactly(new double[] {-0.03, 0.06, 0.15}, within(1e-12));
    }

    @Test
    @DisplayName("Independent boundaries have kinds of their own, and others share the kind of the example")
    void kinds() {
        assertThat(mixedExamples(true)).isPositive();
        assertThat(mixedExamples(false)).isZero();
    }

    private static int mixedExamples(boolean independent) {
        int mixed = 0;
        for (double[] example : traffic(independent, 0, 0).batch(200, new SplittableRandom(1))) {
            mixed += (example[0] == -1) != (example[2] == -1) ? 1 : 0;
        }
        return mixed;
    }

    @Test
    @DisplayName("Shares that do not add up to 1 are refused")
    void shares() {
        assertThatThrownBy(() -> new NormalTraffic(4, List.of(0), List.of(new Kind(0.5, b -> 0)), false, 0, 0))
                .hasMessageContaining("add up to 1");
    }
}
