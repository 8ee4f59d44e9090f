package io.tidemark.calibration.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

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
import java.util.OptionalLong;
import java.util.Random;
import java.util.stream.IntStream;
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

    @ParameterizedTest
    @DisplayName("of constant differences is the first example at which the rule moves")
    @CsvSource({"0, 8, 337", "0, 15, 370", "0.1, 8, 66"})
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
        assertThat(examples).isBetween(expected * 8 / 10, expected);
    }

    @ParameterizedTest
    @DisplayName("table")
    @CsvSource({"lora-e2e", "lora-gsm", "extract", "describe", "describe-small-data"})
    void table(String adapter) throws IOException {
        List<double[]> rows = rows(adapter);
        List<Long> predicted = new ArrayList<>();
        List<Long> eighty = new ArrayList<>();
        List<Long> observed = new ArrayList<>();
        double power = 0;
        for (int seed = 0; seed < ORDERS; seed++) {
            Collections.shuffle(rows, new Random(seed));
            BoundaryRule rule = BoundaryRule.ofDefaults(rows.get(0).length - 1);
            CalibrationPlan plan = CalibrationPlan.of(rule, batch(rule, rows.subList(0, SCORED)));
            predicted.add(plan.unitsTo(0.5, BATCH).orElse(9999));
            eighty.add(plan.unitsTo(0.8, BATCH).orElse(9999));
            power += plan.probability(400) / ORDERS;
            observed.add(firstMove(rule, rows));
        }
        Collections.sort(predicted);
        Collections.sort(eighty);
        Collections.sort(observed);
        System.out.println("TABLE " + adapter + " half " + predicted + " eighty " + eighty + " observed " + observed + " power400 " + power);
    }

    private static long firstMove(BoundaryRule rule, List<double[]> rows) {
        PartitionStates states = PartitionStates.empty();
        InForce inForce = InForce.none(rule.numLayers());
        for (int from = 0; from < rows.size(); from += BATCH) {
            BatchCount.Counted counted = (BatchCount.Counted)
                    rule.count(states, 0, batch(rule, rows.subList(from, from + BATCH)), inForce);
            states = states.with(0, counted.state());
            inForce = counted.inForce();
            if (inForce.boundary() < rule.numLayers()) {
                return from + BATCH;
            }
        }
        return 9999;
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
        try (BufferedReader reader = new BufferedReader(new InputStreamReader(
                new GZIPInputStream(Files.newInputStream(SCORES)), StandardCharsets.UTF_8))) {
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
