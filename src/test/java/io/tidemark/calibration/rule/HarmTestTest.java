package io.tidemark.calibration.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("The test of a harmful boundary")
class HarmTestTest {

    private static final HarmTest TEST = new HarmTest(0.02, 1, 0.5);

    @Test
    @DisplayName("Differences are capped, and no factor is negative even at the caps")
    void caps() {
        assertThat(TEST.capped(-3)).isEqualTo(-1);
        assertThat(TEST.capped(3)).isEqualTo(0.5);
        assertThat(TEST.factor(0, TEST.capped(-3))).isCloseTo(0.05, within(1e-12));
        assertThat(TEST.detectorFactor(0, TEST.capped(3))).isCloseTo(0.05, within(1e-12));
    }

    @ParameterizedTest(name = "gain {0}, probability {1}")
    @CsvSource({"0.5,0.6533333333333333", "0.01,0.97029702970297", "0,0.98"})
    @DisplayName("With a mean of -margin, the expectation of E is 1 and that of the e-detector is n, after n examples")
    void expectations(double gain, double probability) {
        int n = 10;
        assertThat(gain * probability - (1 - probability)).isCloseTo(-0.02, within(1e-12));
        assertThat(expectation(
                        n,
                        gain,
                        probability,
                        sequence -> Math.exp(
                                EProcesses.empty(1).plus(TEST, sequence).logValue(0))))
                .isCloseTo(1, within(1e-9));
        assertThat(expectation(
                        n,
                        gain,
                        probability,
                        sequence -> Watch.begin(1, 0).plus(TEST, sequence, 0).value()))
                .isCloseTo(n, within(1e-9));
    }

    /** Over all sequences of n examples that gain, or lose 1 nat. */
    private static double expectation(int n, double gain, double probability, ToDoubleFunction<double[][]> value) {
        double sum = 0;
        for (int outcome = 0; outcome < 1 << n; outcome++) {
            double[][] sequence = new double[n][1];
            double weight = 1;
            for (int i = 0; i < n; i++) {
                boolean gains = (outcome >> i & 1) == 1;
                sequence[i][0] = gains ? gain : -1;
                weight *= gains ? probability : 1 - probability;
            }
            sum += weight * value.applyAsDouble(sequence);
        }
        return sum;
    }

    @ParameterizedTest(name = "K {0}, margin {1}, cap {2}: {3} examples")
    @CsvSource({"8,0.02,1,336", "8,0.02,0.5,166", "8,0.05,1,132", "30,0.02,1,405", "30,0.02,0.5,200", "30,0.05,1,160"})
    @DisplayName(
            "Boundaries that are equal to full LoRA without noise are certified by the documented number of examples")
    void examplesNeeded(int boundaries, double margin, double lossCap, int documented) {
        HarmTest test = new HarmTest(margin, lossCap, 0.5);
        EProcesses sums = EProcesses.empty(boundaries);
        int needed = 0;
        while (sums.logValue(boundaries - 1) < EProcesses.threshold(boundaries, 1, 0.05)) {
            sums = sums.plus(test, new double[1][boundaries]);
            needed++;
        }
        // the documented number is rounded to the nearest, and counts the largest bet only
        assertThat(needed).isBetween(documented * 9 / 10, documented + 1);
    }

    @Test
    @DisplayName("The sums of many examples are those of their logarithms, in any order and grouping")
    void sums() {
        double[][] examples = new double[500][1];
        double[] expected = new double[HarmTest.BETS];
        for (int i = 0; i < examples.length; i++) {
            examples[i][0] = TEST.capped(Math.sin(i) * 2);
            for (int j = 0; j < expected.length; j++) {
                double lambda = 0.95 / 0.98 * Math.pow(2, -j);
                expected[j] += Math.log(1 + lambda * (examples[i][0] + 0.02));
            }
        }
        EProcesses all = EProcesses.empty(1).plus(TEST, examples);
        EProcesses first = EProcesses.empty(1).plus(TEST, Arrays.copyOfRange(examples, 0, 123));
        EProcesses rest = EProcesses.empty(1).plus(TEST, Arrays.copyOfRange(examples, 123, 500));
        for (int j = 0; j < expected.length; j++) {
            assertThat(all.sums().get(j)).isCloseTo(expected[j], within(1e-9));
            assertThat(rest.merge(first).sums().get(j)).isCloseTo(expected[j], within(1e-9));
        }
        double[] weights = {0.5, 0.2, 0.1, 0.1, 0.1};
        double mixture = 0;
        for (int j = 0; j < weights.length; j++) {
            mixture += weights[j] * Math.exp(expected[j]);
        }
        assertThat(all.logValue(0)).isCloseTo(Math.log(mixture), within(1e-9));
    }

    @Test
    @DisplayName("ln E of sums beyond the range of exp is finite")
    void logSumExp() {
        assertThat(EProcesses.of(1, List.of(2000.0, 1000.0, 0.0, -10.0, -3000.0), List.of(0.0))
                        .logValue(0))
                .isCloseTo(2000 + Math.log(0.5), within(1e-9));
        assertThat(EProcesses.of(1, List.of(-2000.0, -1000.0, -900.0, -900.0, -900.0), List.of(0.0))
                        .logValue(0))
                .isCloseTo(-900 + Math.log(0.3), within(1e-9));
        double[][] losses = new double[2000][1];
        Arrays.fill(losses, new double[] {-1});
        assertThat(EProcesses.empty(1).plus(TEST, losses).sums().get(0)).isCloseTo(2000 * Math.log(0.05), within(1e-6));
    }

    @Test
    @DisplayName("The levels of all boundaries and epochs add up to alpha")
    void threshold() {
        double sum = 0;
        for (int epoch = 1; epoch <= 100_000; epoch++) {
            sum += 30 * Math.exp(-EProcesses.threshold(30, epoch, 0.05));
        }
        assertThat(sum).isCloseTo(0.05, within(1e-6)).isLessThanOrEqualTo(0.05);
    }

    @ParameterizedTest(name = "margin {0}, loss cap {1}, gain cap {2}, unit {3}: {4}")
    @CsvSource({
        "0.02,1,0.5,false", "0.01,1,0.5,true", "0.03,1,0.5,false",
        "0.02,2,0.5,true", "0.02,0.5,0.5,false", "0.02,1,0.4,true",
        "0.02,1,0.6,false"
    })
    @DisplayName("A smaller margin, a larger loss cap, and a smaller gain cap are stricter")
    void stricter(double margin, double lossCap, double gainCap, boolean stricter) {
        assertThat(new HarmTest(margin, lossCap, gainCap).isStricterThan(TEST)).isEqualTo(stricter);
    }

    /** The median number of examples, in batches of 8, until the watch of a boundary reaches the default limit. */
    private static int delay(double loss, double deviation) {
        SplittableRandom random = new SplittableRandom(5);
        int[] delays = new int[1001];
        for (int stream = 0; stream < delays.length; stream++) {
            Watch watch = Watch.begin(1, 0);
            while (watch.value() < RuleSettings.DEFAULT.falseAlarmExamples()) {
                double[][] batch = new double[8][1];
                for (double[] example : batch) {
                    example[0] = TEST.capped(deviation * random.nextGaussian() - loss);
                }
                watch = watch.plus(TEST, batch, 0);
                delays[stream] += batch.length;
            }
        }
        Arrays.sort(delays);
        return delays[delays.length / 2];
    }

    @Test
    @DisplayName("A loss is noticed after as many examples as docs/calibration.md says")
    void documentedDelays() throws Exception {
        double[] losses = {0.3, 0.1, 0.05, 0.03};
        List<String> page = Files.readAllLines(Path.of("docs/calibration.md"));
        for (double deviation : new double[] {0.1, 0.3}) {
            String row = Arrays.stream(losses)
                    .mapToObj(loss -> String.format(Locale.ROOT, "%,d", delay(loss, deviation)))
                    .collect(Collectors.joining(" | ", "| sd " + deviation + " | ", " |"));
            assertThat(page).contains(row);
        }
    }

    @Test
    @DisplayName("The examples to a threshold are the least number at which ln E of the sums that grow on reaches it")
    void examplesTo() {
        List<Double> sums = List.of(2.5, 2.0, 1.5, -1.0, -3.0);
        long more = EProcesses.examplesTo(5, sums, 100).orElseThrow();
        assertThat(grown(sums, 1 + more / 100.0)).isGreaterThanOrEqualTo(5);
        assertThat(grown(sums, 1 + (more - 1) / 100.0)).isLessThan(5);
        assertThat(EProcesses.examplesTo(grown(sums, 1), sums, 100)).hasValue(0);
        assertThat(EProcesses.examplesTo(5, List.of(0.0, 0.0, 0.0, 0.0, -1.0), 100))
                .isEmpty();
        assertThat(EProcesses.examplesTo(5, List.of(Double.MIN_VALUE, 0.0, 0.0, 0.0, 0.0), 100))
                .isEmpty();
        assertThat(EProcesses.examplesTo(5, sums, 0)).isEmpty();
        assertThatThrownBy(() -> EProcesses.examplesTo(5, List.of(1.0), 100)).hasMessageContaining("5 sums, not 1");
    }

    private static double grown(List<Double> sums, double factor) {
        return EProcesses.of(1, sums.stream().map(sum -> factor * sum).toList(), List.of(0.0))
                .logValue(0);
    }
}
