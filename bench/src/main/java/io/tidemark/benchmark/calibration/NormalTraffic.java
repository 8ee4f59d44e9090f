package io.tidemark.benchmark.calibration;

import io.tidemark.calibration.rule.HarmTest;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Differences around the means of some kinds of examples. The noise of a boundary is the sum of a normal value for each
 * layer above the boundary, so that close boundaries are correlated and L has no noise.
 *
 * @param numLayers   the number of layers L
 * @param boundaries  the boundaries below L that are scored, ascending
 * @param kinds       kinds of examples
 * @param independent whether each boundary has a kind of its own in an example; otherwise an example has one kind
 * @param noise       standard deviation of the noise of an example at boundary 0, in nats per token
 * @param batchNoise  standard deviation of the noise that all examples of a batch have in common, see {@code noise}
 */
public record NormalTraffic(
        int numLayers, List<Integer> boundaries, List<Kind> kinds, boolean independent, double noise, double batchNoise)
        implements Traffic {

    /**
     * A kind of examples.
     *
     * @param share  the share of this kind, 0 to 1
     * @param change mean difference at a boundary
     */
    public record Kind(double share, Change change) {}

    /** The mean difference of a kind in nats per token at a boundary. */
    public interface Change {
        double at(int boundary);
    }

    /** @throws IllegalArgumentException if the shares do not add up to 1 */
    public NormalTraffic {
        boundaries = List.copyOf(boundaries);
        kinds = List.copyOf(kinds);
        if (Math.abs(kinds.stream().mapToDouble(Kind::share).sum() - 1) > 1e-9) {
            throw new IllegalArgumentException("the shares of kinds must add up to 1");
        }
    }

    @Override
    public double[][] batch(int examples, SplittableRandom random) {
        double[] common = batchNoise > 0 ? walk(batchNoise, random) : new double[boundaries.size()];
        double[][] batch = new double[examples][];
        for (int i = 0; i < examples; i++) {
            double[] differences = noise > 0 ? walk(noise, random) : new double[boundaries.size()];
            Kind kind = kind(random);
            for (int b = 0; b < differences.length; b++) {
                Kind own = independent ? kind(random) : kind;
                differences[b] += common[b] + own.change().at(boundaries.get(b));
            }
            batch[i] = differences;
        }
        return batch;
    }

    /** A random walk over the layers from L down. */
    private double[] walk(double atZero, SplittableRandom random) {
        double[] values = new double[boundaries.size()];
        double sum = 0;
        int above = numLayers;
        for (int b = values.length - 1; b >= 0; b--) {
            int boundary = boundaries.get(b);
            sum += atZero * Math.sqrt((above - boundary) / (double) numLayers) * random.nextGaussian();
            values[b] = sum;
            above = boundary;
        }
        return values;
    }

    private Kind kind(SplittableRandom random) {
        if (kinds.size() == 1) {
            return kinds.get(0);
        }
        double left = random.nextDouble();
        for (Kind kind : kinds) {
            left -= kind.share();
            if (left < 0) {
                return kind;
            }
        }
        return kinds.get(kinds.size() - 1);
    }

    @Override
    public double[] means() {
        return sums((mean, deviation) -> mean);
    }

    @Override
    public double[] cappedMeans(HarmTest test) {
        return sums((mean, deviation) -> cappedMean(mean, deviation, test));
    }

    private interface Expectation {
        double of(double mean, double deviation);
    }

    private double[] sums(Expectation expectation) {
        double[] sums = new double[boundaries.size()];
        Arrays.setAll(sums, b -> {
            int boundary = boundaries.get(b);
            double deviation = Math.hypot(noise, batchNoise) * Math.sqrt((numLayers - boundary) / (double) numLayers);
            return kinds.stream()
                    .mapToDouble(
                            kind -> kind.share() * expectation.of(kind.change().at(boundary), deviation))
                    .sum();
        });
        return sums;
    }

    /** The mean of a normal variable after the caps. */
    private static double cappedMean(double mean, double deviation, HarmTest test) {
        if (deviation == 0) {
            return test.capped(mean);
        }
        double low = (-test.lossCap() - mean) / deviation;
        double high = (test.gainCap() - mean) / deviation;
        return -test.lossCap() * cdf(low)
                + test.gainCap() * (1 - cdf(high))
                + mean * (cdf(high) - cdf(low))
                + deviation * (density(low) - density(high));
    }

    private static double density(double x) {
        return Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
    }

    /** The normal distribution with an error below 1e-7 (Abramowitz and Stegun 26.2.17). */
    private static double cdf(double x) {
        double t = 1 / (1 + 0.2316419 * Math.abs(x));
        double tail = density(x)
                * t
                * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
        return x > 0 ? 1 - tail : tail;
    }
}
