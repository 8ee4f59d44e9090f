package io.tidemark.calibration;

import java.util.Arrays;
import java.util.OptionalLong;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;

/**
 * How many more observations an e-process needs to reach a threshold if every one of them has the present mean: an
 * estimate for people, which no decision uses. Noise of the observations to come makes it longer.
 */
public final class CertificationForecast {

    /** No epoch has more examples. */
    public static final int MAX_EPOCH_EXAMPLES = RuleSettings.MAX_EPOCH_EXAMPLES;

    /** Observations beyond this number are not counted. */
    private static final long MOST = 1L << 40;

    private static final int BISECTIONS = 60;

    private final HarmTest test;

    public CertificationForecast(HarmTest test) {
        this.test = test;
    }

    /**
     * The further observations until ln E is at {@code threshold}, from what a decision tells. A decision has ln E and
     * not the sums of the five bets. Observations at two points of equal weight, with the mean between them and the
     * distance that leads to ln E, stand for those that were made.
     *
     * @param observations examples, or batches with the unit {@code batch}
     * @param difference   mean difference to full LoRA in nats per gold token. Capped, it stands for the mean capped
     *                     difference, unless ln E shows that this is larger because losses are beyond the cap
     * @param logE         the present ln E
     * @return 0 if the threshold is reached; empty if it is never reached, since the mean is at most {@code -margin},
     *     or so little above it that more than 2^40 are needed
     */
    public OptionalLong observations(long observations, double difference, double logE, double threshold) {
        double mean = Math.max(test.capped(difference), leastMean(observations, logE));
        return further(sums(observations, mean, logE), mean, threshold);
    }

    /**
     * The least mean capped difference that can lead to {@code logE}. One of the bets has a sum of at least ln E, and a
     * logarithm is concave, so {@code observations * ln(1 + lambda_0 (mean + margin))} is at least a positive ln E.
     */
    private double leastMean(long observations, double logE) {
        if (observations == 0 || logE <= 0) {
            return -test.lossCap();
        }
        double largestBet = test.factor(0, 1 - test.margin()) - 1;
        return test.capped(Math.expm1(logE / observations) / largestBet - test.margin());
    }

    /** The smallest number of further observations, each {@code mean}, with which ln E is at {@code threshold}. */
    OptionalLong further(double[] sums, double mean, double threshold) {
        if (logE(sums) >= threshold) {
            return OptionalLong.of(0);
        }
        if (mean + test.margin() <= 0) {
            return OptionalLong.empty();
        }
        long enough = 1;
        while (logE(after(sums, mean, enough)) < threshold) {
            enough *= 2;
            if (enough > MOST) {
                return OptionalLong.empty();
            }
        }
        long tooFew = enough / 2;
        while (enough - tooFew > 1) {
            long middle = (enough + tooFew) >>> 1;
            if (logE(after(sums, mean, middle)) >= threshold) {
                enough = middle;
            } else {
                tooFew = middle;
            }
        }
        return OptionalLong.of(enough);
    }

    /** Sums of the bets after {@code observations} with the given mean that lead to {@code logE}. */
    double[] sums(long observations, double mean, double logE) {
        double narrow = 0;
        double wide = Math.max(0, mean + test.lossCap());
        for (int i = 0; i < BISECTIONS; i++) {
            double middle = (narrow + wide) / 2;
            if (logE(apart(observations, mean, middle)) > logE) {
                narrow = middle;
            } else {
                wide = middle;
            }
        }
        double[] sums = apart(observations, mean, wide);
        double left = logE - logE(sums);
        return Arrays.stream(sums).map(sum -> sum + left).toArray();
    }

    /** Sums of the bets if half of the observations are above the mean by a distance, and half below. */
    private double[] apart(long observations, double mean, double distance) {
        return bets(j -> observations
                / 2.0
                * (Math.log(test.factor(j, mean + distance)) + Math.log(test.factor(j, mean - distance))));
    }

    private double[] after(double[] sums, double mean, long more) {
        return bets(j -> sums[j] + more * Math.log(test.factor(j, mean)));
    }

    private static double[] bets(IntToDoubleFunction sum) {
        return IntStream.range(0, HarmTest.BETS).mapToDouble(sum).toArray();
    }

    private static double logE(double[] sums) {
        return EProcesses.of(1, Arrays.stream(sums).boxed().toList()).logValue(0);
    }
}
