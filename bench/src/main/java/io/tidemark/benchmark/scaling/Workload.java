package io.tidemark.benchmark.scaling;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * The requests of a simulation.
 *
 * <p>A bursty workload is a Poisson process that is quiet and busy by turns (a Markov-modulated Poisson process). Its
 * rate also rises and falls like a sine wave with a period of a day, which begins at the mean and rises. The requests
 * of a busy state are {@value #LENGTH_SHIFT} times as long, as short, or unchanged, with equal probabilities; their
 * rate changes by the inverse, so that the work is the same.
 *
 * <p>Token counts are lognormal. Some requests are long: their completions have another mean and limit.
 *
 * @param hours     length of the trace
 * @param perSecond mean rate
 * @param bursty    whether the rate and the lengths change with time
 */
record Workload(double hours, double perSecond, boolean bursty) {

    /** {@code max_tokens} of a request that is not long. */
    static final int MAX_TOKENS = 512;

    static final int LONG_MAX_TOKENS = 8 * MAX_TOKENS;
    static final double MEAN_PROMPT = 200;
    static final double MEAN_COMPLETION = 110;
    static final double MEAN_LONG_COMPLETION = 2000;
    static final double LONG_SHARE = 0.01;
    /** Standard deviation of the logarithms of token counts. */
    private static final double SIGMA = 0.8;

    private static final double LENGTH_SHIFT = 2;
    /** The rate in the busy state over the rate in the quiet state. */
    private static final double BURST = 4;
    /** The mean time in the quiet state. */
    private static final double QUIET_SECONDS = 1200;
    /** The mean time in the busy state. */
    private static final double BUSY_SECONDS = 300;
    /** Amplitude of the daily wave over the mean. */
    private static final double WAVE = 0.6;

    private static final double DAY = 24 * 3600;

    private record Arrival(double time, double lengthFactor) {}

    /** The requests in the order of their arrival. Times and lengths do not depend on the partitions. */
    List<Request> requests(long seed, int partitions) {
        SplittableRandom root = new SplittableRandom(seed);
        List<Arrival> arrivals = bursty ? burstyArrivals(root.split()) : steadyArrivals(root.split());
        SplittableRandom lengths = root.split();
        SplittableRandom keys = root.split();
        List<Request> requests = new ArrayList<>(arrivals.size());
        for (Arrival each : arrivals) {
            boolean isLong = lengths.nextDouble() < LONG_SHARE;
            int limit = isLong ? LONG_MAX_TOKENS : MAX_TOKENS;
            int prompt = tokens(each.lengthFactor * MEAN_PROMPT, lengths);
            int completion = tokens(each.lengthFactor * (isLong ? MEAN_LONG_COMPLETION : MEAN_COMPLETION), lengths);
            requests.add(new Request(each.time, keys.nextInt(partitions), prompt, Math.min(completion, limit), limit));
        }
        return requests;
    }

    private List<Arrival> steadyArrivals(SplittableRandom random) {
        List<Arrival> arrivals = new ArrayList<>();
        for (double t = exponential(random, 1 / perSecond); t < seconds(); t += exponential(random, 1 / perSecond)) {
            arrivals.add(new Arrival(t, 1));
        }
        return arrivals;
    }

    private List<Arrival> burstyArrivals(SplittableRandom random) {
        List<Arrival> arrivals = new ArrayList<>();
        double quietRate = perSecond * (QUIET_SECONDS + BUSY_SECONDS) / (QUIET_SECONDS + BURST * BUSY_SECONDS);
        double highest = quietRate * BURST * LENGTH_SHIFT * (1 + WAVE);
        boolean busy = false;
        double factor = 1;
        double turn = exponential(random, QUIET_SECONDS);
        for (double t = exponential(random, 1 / highest); t < seconds(); t += exponential(random, 1 / highest)) {
            while (turn < t) {
                busy = !busy;
                factor = busy ? StrictMath.pow(LENGTH_SHIFT, random.nextInt(3) - 1) : 1;
                turn += exponential(random, busy ? BUSY_SECONDS : QUIET_SECONDS);
            }
            double rate = quietRate * (busy ? BURST / factor : 1) * (1 + WAVE * StrictMath.sin(2 * Math.PI * t / DAY));
            if (random.nextDouble() * highest < rate) {
                arrivals.add(new Arrival(t, factor));
            }
        }
        return arrivals;
    }

    private double seconds() {
        return hours * 3600;
    }

    private static int tokens(double mean, SplittableRandom random) {
        double log = StrictMath.log(mean) - SIGMA * SIGMA / 2 + SIGMA * normal(random);
        return (int) Math.max(1, Math.min(Integer.MAX_VALUE, Math.round(StrictMath.exp(log))));
    }

    private static double exponential(SplittableRandom random, double mean) {
        return -mean * StrictMath.log(1 - random.nextDouble());
    }

    /** Box and Muller's method with {@code StrictMath}, which has the same result on every machine. */
    private static double normal(SplittableRandom random) {
        return StrictMath.sqrt(-2 * StrictMath.log(1 - random.nextDouble()))
                * StrictMath.cos(2 * Math.PI * random.nextDouble());
    }
}
