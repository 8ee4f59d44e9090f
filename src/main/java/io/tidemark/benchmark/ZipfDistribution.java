package io.tidemark.benchmark;

import java.util.Arrays;
import java.util.random.RandomGenerator;

/** Popularity as it is seen among tenants: the k-th of n is asked for in proportion to {@code 1 / k^s}. */
final class ZipfDistribution {

    private final double[] cumulative;

    ZipfDistribution(int n, double s) {
        this.cumulative = new double[n];
        double sum = 0;
        for (int k = 0; k < n; k++) {
            sum += Math.pow(k + 1, -s);
            cumulative[k] = sum;
        }
    }

    /** From 0, the most popular, to n-1. */
    int next(RandomGenerator random) {
        int place = Arrays.binarySearch(cumulative, random.nextDouble() * cumulative[cumulative.length - 1]);
        return Math.min(cumulative.length - 1, place < 0 ? -place - 1 : place + 1);
    }
}
