package io.tidemark.calibration.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import io.tidemark.calibration.rule.ScoredBatch.ScoredExample;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Random;
import java.util.stream.LongStream;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("The plan of a calibration")
class CalibrationPlanTest {

    private static final Path SCORES = Path.of("bench", "calibration-scores.csv.gz");
    private static final int SCORED = 32;
    private static final int BATCH = 8;
    private static final int ORDERS = 20;
    private static final int EXAMPLES = 400;

    @ParameterizedTest
    @DisplayName("of constant differences is the first example at which the rule moves")
    @CsvSource({"0, 8, 337", "0, 15, 370", "0.1, 8, 59"})
    void constant(double difference, int boundaries, long expected) {
        BoundaryRule rule = BoundaryRule.ofDefaults(boundaries);
        double[] row = new double[boundaries];
        Arrays.fill(row, difference);
        CalibrationPlan plan = CalibrationPlan.of(rule, ScoredBatches.constant(SCORED, row));
        assertThat(plan.unitsTo(0.5, BATCH)).hasValue(expected);
        PartitionStates states = PartitionStates.empty();
        InForce inForce = InForce.none(boundaries);
        long examples = 0;
        while (inForce.boundary() == boundaries) {
            BatchCount.Counted counted =
                    (BatchCount.Counted) rule.count(states, 0, ScoredBatches.constant(1, row), inForce);
            states = states.with(0, counted.state());
            inForce = counted.inForce();
            examples++;
        }
        // the rule sums the five bets, and the plan takes the best one
        assertThat(examples).isBetween(difference == 0 ? expected - 1 : expected * 9 / 10, expected);
    }

    @ParameterizedTest
    @DisplayName("agrees with the first moves of the rule on recorded scores, in the median of 20 orders")
    @CsvSource({"lora-gsm", "describe", "describe-small-data"})
    void recorded(String adapter) throws IOException {
        List<Order> orders = orders(adapter);
        double estimated =
                median(orders.stream().mapToLong(order -> order.half().orElse(EXAMPLES)));
        assertThat(median(orders.stream().mapToLong(order -> order.firstMove().orElseThrow())))
                .isCloseTo(estimated, withinPercentage(20));
        assertThat(orders)
                .filteredOn(order ->
                        order.likely().orElse(EXAMPLES) >= order.firstMove().orElseThrow())
                .hasSizeGreaterThanOrEqualTo(ORDERS * 8 / 10 - 3);
        assertThat(orders).allSatisfy(order -> assertThat(order.probability()).isGreaterThan(0.5));
    }

    @ParameterizedTest
    @DisplayName("says that no move is likely where the rule never moves")
    @CsvSource({"lora-e2e", "extract"})
    void never(String adapter) throws IOException {
        assertThat(orders(adapter)).allSatisfy(order -> {
            assertThat(order.firstMove()).isEmpty();
            assertThat(order.likely()).isEmpty();
            assertThat(order.probability()).isLessThan(0.3);
        });
        assertThat(orders(adapter).stream()
                        .mapToDouble(Order::probability)
                        .average()
                        .orElseThrow())
                .isLessThan(0.05);
    }

    @Test
    @DisplayName("counts a group as one, leaves out repeats and examples without a score, and says what is too few")
    void units() {
        BoundaryRule rule = BoundaryRule.ofDefaults(1);
        List<ScoredExample> examples = List.of(
                example("a", Optional.of("g"), 0.1),
                example("b", Optional.of("g"), 0.3),
                example("c", Optional.empty(), -0.2),
                example("c", Optional.empty(), 5),
                new ScoredExample(
                        ExampleFilter.Bits.ofExample("d"),
                        Optional.empty(),
                        BoundaryScores.of(List.of(0, 1), new double[] {0, Double.NaN})));
        CalibrationPlan plan = CalibrationPlan.of(rule, new ScoredBatch(examples, 0));
        assertThat(plan.units()).isEqualTo(2);
        assertThat(plan.boundaries().get(0).difference()).isCloseTo(0, within(1e-9));
        assertThatThrownBy(() -> CalibrationPlan.of(rule, new ScoredBatch(examples.subList(0, 2), 0)))
                .hasMessage("a plan needs 2 examples or groups that differ and have a finite score, not 1");
    }

    @Test
    @DisplayName("leaves out a boundary that the objective does not prefer to full LoRA, and counts what is scored")
    void objective() {
        ScoredBatch batch = ScoredBatches.constant(SCORED, -0.3, -0.001, -0.001, -0.001);
        BoundaryRule quality = new BoundaryRule(RuleSettings.DEFAULT, Objective.parse("quality"), 4);
        assertThat(CalibrationPlan.of(quality, batch).probability(2000)).isZero();
        CalibrationPlan balanced = CalibrationPlan.of(BoundaryRule.ofDefaults(4), batch);
        assertThat(balanced.probability(2000)).isEqualTo(1);
        assertThat(balanced.scored()).containsExactly(1, 2, 3, 4);
        // 32 examples at five boundaries: 4 + 4 + 3 + 2 + 1; then without boundary 0
        assertThat(balanced.layerEvaluations(132)).isEqualTo(32 * 14 + 100 * 10);
        assertThat(balanced.unitsTo(0.5, 200)).hasValue(601);
    }

    /** The plan of the last examples of an order, as {@code calibrate --plan} scores them, and the rule on all. */
    private record Order(OptionalLong half, OptionalLong likely, double probability, OptionalLong firstMove) {}

    private static List<Order> orders(String adapter) throws IOException {
        List<double[]> rows = rows(adapter);
        BoundaryRule rule = BoundaryRule.ofDefaults(rows.get(0).length - 1);
        List<Order> orders = new ArrayList<>();
        for (int seed = 0; seed < ORDERS; seed++) {
            Collections.shuffle(rows, new Random(seed));
            CalibrationPlan plan =
                    CalibrationPlan.of(rule, batch(rule, rows.subList(rows.size() - SCORED, rows.size())));
            orders.add(new Order(
                    plan.unitsTo(0.5, BATCH),
                    plan.unitsTo(0.8, BATCH),
                    plan.probability(EXAMPLES),
                    firstMove(rule, rows)));
        }
        return orders;
    }

    private static double median(LongStream values) {
        long[] sorted = values.sorted().toArray();
        return (sorted[sorted.length / 2 - 1] + sorted[sorted.length / 2]) / 2.0;
    }

    private static ScoredExample example(String text, Optional<String> group, double difference) {
        return new ScoredExample(
                ExampleFilter.Bits.ofExample(text),
                group,
                BoundaryScores.of(List.of(0, 1), new double[] {-1 + difference, -1}));
    }

    private static OptionalLong firstMove(BoundaryRule rule, List<double[]> rows) {
        PartitionStates states = PartitionStates.empty();
        InForce inForce = InForce.none(rule.numLayers());
        for (int from = 0; from < rows.size(); from += BATCH) {
            BatchCount.Counted counted =
                    (BatchCount.Counted) rule.count(states, 0, batch(rule, rows.subList(from, from + BATCH)), inForce);
            states = states.with(0, counted.state());
            inForce = counted.inForce();
            if (inForce.boundary() < rule.numLayers()) {
                return OptionalLong.of(from + BATCH);
            }
        }
        return OptionalLong.empty();
    }

    private static ScoredBatch batch(BoundaryRule rule, List<double[]> rows) {
        List<Integer> candidates = rule.settings().candidates(rule.numLayers());
        double[][] differences = rows.stream()
                .map(row -> candidates.subList(0, candidates.size() - 1).stream()
                        .mapToDouble(b -> row[b] - row[row.length - 1])
                        .toArray())
                .toArray(double[][]::new);
        return ScoredBatches.of(candidates, differences);
    }

    private static List<double[]> rows(String adapter) throws IOException {
        try (BufferedReader reader = new BufferedReader(
                new InputStreamReader(new GZIPInputStream(Files.newInputStream(SCORES)), StandardCharsets.UTF_8))) {
            return new ArrayList<>(reader.lines()
                    .map(line -> line.split(","))
                    .filter(line -> line[0].equals(adapter))
                    .map(line -> Arrays.stream(line)
                            .skip(1)
                            .mapToDouble(Double::parseDouble)
                            .toArray())
                    .toList());
        }
    }
}
