package io.tidemark.calibration.rule;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.OptionalLong;

/**
 * The test martingales of the boundaries below full LoRA in one epoch. For each boundary b and bet j, the sum
 * {@code G[b][j] = sum of ln(1 + lambda_j (z_b + margin))} over the observations. {@code E_b = sum of w_j exp(G[b][j])}
 * is an e-process: if boundary b is harmful, E_b is a non-negative supermartingale that starts at 1, and reaches 1/a
 * with a probability of at most a (Ville 1939; Waudby-Smith and Ramdas 2024, <i>Estimating means of bounded random
 * variables by betting</i>). The order of the observations changes the sums by rounding only, so sums of partitions
 * merge by addition. The sum of z_b is kept for people. Immutable.
 */
public final class EProcesses {

    /** Weights w_j of the bets, the largest bet first. */
    private static final double[] WEIGHTS = {0.5, 0.2, 0.1, 0.1, 0.1};

    /** An estimate above this many examples means never: no epoch has more. */
    private static final double MOST_EXAMPLES = 1e15;

    /** Bound of a sum in a record, far above those of an epoch. */
    private static final double MAX_SUM = 1e9;
    /** A product of factors is a normal double within these bounds, whatever the next factor is. */
    private static final double LARGEST_PRODUCT = 1e150;

    private static final double SMALLEST_PRODUCT = 1e-150;

    /** G row by row: the bets of the first boundary, then those of the second. */
    private final double[] sums;

    /** The sum of z_b for each boundary. */
    private final double[] capped;

    private EProcesses(double[] sums, double[] capped) {
        this.sums = sums;
        this.capped = capped;
    }

    /** ln of the weight of a bet. */
    static double logWeight(int bet) {
        return Math.log(WEIGHTS[bet]);
    }

    /** E-processes of {@code boundaries} boundaries without observations; each E is 1. */
    static EProcesses empty(int boundaries) {
        return new EProcesses(new double[boundaries * HarmTest.BETS], new double[boundaries]);
    }

    /**
     * @param capped the sum of z_b for each boundary
     * @throws IllegalArgumentException if there are not five finite sums and one of z_b for each boundary, or a sum is
     *                                  too large
     */
    static EProcesses of(int boundaries, List<Double> sums, List<Double> capped) {
        if (sums.size() != boundaries * HarmTest.BETS) {
            throw new IllegalArgumentException("sums must have " + HarmTest.BETS + " values for each of " + boundaries
                    + " boundaries: " + sums.size());
        }
        if (capped.size() != boundaries) {
            throw new IllegalArgumentException(
                    "capped must have a value for each of " + boundaries + " boundaries: " + capped.size());
        }
        return new EProcesses(bounded("sums", sums), bounded("capped", capped));
    }

    private static double[] bounded(String name, List<Double> sums) {
        double[] values = sums.stream().mapToDouble(Double::doubleValue).toArray();
        if (!Arrays.stream(values).allMatch(value -> Math.abs(value) <= MAX_SUM)) {
            throw new IllegalArgumentException(name + " must be numbers within " + MAX_SUM);
        }
        return values;
    }

    List<Double> sums() {
        return Arrays.stream(sums).boxed().toList();
    }

    /** The sum of z_b for each boundary. */
    List<Double> capped() {
        return Arrays.stream(capped).boxed().toList();
    }

    int boundaries() {
        return capped.length;
    }

    /**
     * These e-processes with more observations.
     *
     * @param observations capped differences {@code [observations][boundaries]}
     */
    EProcesses plus(HarmTest test, double[][] observations) {
        double[] next = sums.clone();
        double[] nextCapped = capped.clone();
        for (int b = 0; b < boundaries(); b++) {
            for (double[] observation : observations) {
                nextCapped[b] += observation[b];
            }
            for (int j = 0; j < HarmTest.BETS; j++) {
                next[b * HarmTest.BETS + j] += logProduct(test, j, observations, b);
            }
        }
        return new EProcesses(next, nextCapped);
    }

    /** The sum of the logarithms, with one logarithm for many factors. */
    private static double logProduct(HarmTest test, int bet, double[][] observations, int boundary) {
        double sum = 0;
        double product = 1;
        for (double[] observation : observations) {
            product *= test.factor(bet, observation[boundary]);
            if (product > LARGEST_PRODUCT || product < SMALLEST_PRODUCT) {
                sum += Math.log(product);
                product = 1;
            }
        }
        return sum + Math.log(product);
    }

    /** The e-processes of some boundaries, by their places. */
    EProcesses select(List<Integer> places) {
        return of(
                places.size(),
                places.stream().flatMap(place -> sums(place).stream()).toList(),
                places.stream().map(place -> capped[place]).toList());
    }

    /** The e-processes of the observations of both. */
    EProcesses merge(EProcesses other) {
        if (other.sums.length != sums.length) {
            throw new IllegalArgumentException(
                    "cannot merge sums of " + boundaries() + " and " + other.boundaries() + " boundaries");
        }
        return new EProcesses(added(sums, other.sums), added(capped, other.capped));
    }

    private static double[] added(double[] first, double[] second) {
        double[] added = new double[first.length];
        Arrays.setAll(added, i -> first[i] + second[i]);
        return added;
    }

    /** The five sums of a boundary, by its place among the boundaries; the largest bet first. */
    List<Double> sums(int boundary) {
        return sums().subList(boundary * HarmTest.BETS, (boundary + 1) * HarmTest.BETS);
    }

    /** ln E of a boundary, by its place among the boundaries. */
    double logValue(int boundary) {
        return logValue(sums(boundary), 1);
    }

    /** ln E of five sums, each of them multiplied. */
    private static double logValue(List<Double> sums, double factor) {
        double largest = factor * Collections.max(sums);
        double scaled = 0;
        for (int j = 0; j < HarmTest.BETS; j++) {
            scaled += WEIGHTS[j] * Math.exp(factor * sums.get(j) - largest);
        }
        return largest + Math.log(scaled);
    }

    /**
     * How many more examples a boundary needs until ln E reaches a threshold, if its sums grow on as they did on
     * average: with N examples so far, the least n with {@code ln(sum of w_j exp(n / N * G_j)) >= threshold}, minus N.
     * Empty if no sum grows.
     *
     * @param sums      the five sums G of the boundary, the largest bet first
     * @param examples  N
     * @param threshold above 0
     * @throws IllegalArgumentException if there are not five sums
     */
    public static OptionalLong examplesTo(double threshold, List<Double> sums, long examples) {
        if (sums.size() != HarmTest.BETS) {
            throw new IllegalArgumentException("a boundary has " + HarmTest.BETS + " sums, not " + sums.size());
        }
        // the best bet alone needs this many, so that all bets together need no more
        double most = Double.POSITIVE_INFINITY;
        for (int j = 0; j < HarmTest.BETS; j++) {
            if (sums.get(j) > 0) {
                most = Math.min(most, examples * (threshold - Math.log(WEIGHTS[j])) / sums.get(j));
            }
        }
        if (examples < 1 || most > MOST_EXAMPLES) {
            return OptionalLong.empty();
        }
        // ln E is convex in n and 0 at n = 0, so that it crosses the threshold once
        long below = 0;
        long enough = (long) Math.ceil(most);
        while (enough - below > 1) {
            long middle = (below + enough) / 2;
            if (logValue(sums, (double) middle / examples) >= threshold) {
                enough = middle;
            } else {
                below = middle;
            }
        }
        return OptionalLong.of(Math.max(0, enough - examples));
    }

    /**
     * The ln E from which on a boundary is certified: {@code ln(K k (k + 1) / alpha)} in epoch k. The levels of all
     * boundaries and epochs add up to alpha, since {@code 1 / (k (k + 1))} adds up to 1 over all k.
     *
     * @param boundaries the number K of tested boundaries
     * @param epoch      k, from 1
     */
    public static double threshold(int boundaries, int epoch, double alpha) {
        return Math.log((double) boundaries * epoch * (epoch + 1.0) / alpha);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof EProcesses that && Arrays.equals(sums, that.sums) && Arrays.equals(capped, that.capped);
    }

    @Override
    public int hashCode() {
        return 31 * Arrays.hashCode(sums) + Arrays.hashCode(capped);
    }

    @Override
    public String toString() {
        return "EProcesses" + Arrays.toString(sums);
    }
}
