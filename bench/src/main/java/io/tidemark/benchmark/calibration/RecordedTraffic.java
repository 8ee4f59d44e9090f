package io.tidemark.benchmark.calibration;

import io.tidemark.calibration.rule.HarmTest;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.function.DoubleUnaryOperator;

/**
 * The differences of recorded examples. A batch is drawn with replacement, so that the true means are those of the
 * recorded examples.
 */
public final class RecordedTraffic implements Traffic {

    private final double[][] differences;

    /**
     * @param scores     mean log-probabilities {@code [examples][boundaries 0 to L]}, one example or more
     * @param boundaries the boundaries to take, ascending; the last one is L
     */
    public RecordedTraffic(double[][] scores, List<Integer> boundaries) {
        int tested = boundaries.size() - 1;
        differences = new double[scores.length][tested];
        for (int i = 0; i < scores.length; i++) {
            for (int b = 0; b < tested; b++) {
                differences[i][b] = scores[i][boundaries.get(b)] - scores[i][boundaries.get(tested)];
            }
        }
    }

    @Override
    public double[][] batch(int examples, SplittableRandom random) {
        double[][] batch = new double[examples][];
        for (int i = 0; i < examples; i++) {
            batch[i] = differences[random.nextInt(differences.length)];
        }
        return batch;
    }

    /** All examples once, in a random order and in batches. */
    List<double[][]> shuffled(int batchSize, long seed) {
        List<double[]> order = new ArrayList<>(List.of(differences));
        Collections.shuffle(order, new Random(seed));
        List<double[][]> batches = new ArrayList<>();
        for (int from = 0; from < order.size(); from += batchSize) {
            batches.add(order.subList(from, Math.min(order.size(), from + batchSize))
                    .toArray(double[][]::new));
        }
        return batches;
    }

    @Override
    public double[] means() {
        return means(difference -> difference);
    }

    @Override
    public double[] cappedMeans(HarmTest test) {
        return means(test::capped);
    }

    private double[] means(DoubleUnaryOperator value) {
        double[] means = new double[differences[0].length];
        for (double[] example : differences) {
            for (int b = 0; b < means.length; b++) {
                means[b] += value.applyAsDouble(example[b]) / differences.length;
            }
        }
        return means;
    }
}
