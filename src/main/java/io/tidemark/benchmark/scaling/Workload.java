package io.tidemark.benchmark.scaling;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * The requests of a simulation.
 *
 * @param hours    length of the trace
 * @param adapters number of adapters; their popularity is a Zipf distribution
 */
public record Workload(double hours, Arrivals arrivals, Lengths lengths, int adapters, Keys keys) {

    private static final double DAY = 24 * 3600;

    public Workload {
        if (!(hours > 0) || adapters < 1) {
            throw new IllegalArgumentException("the trace needs a length and an adapter");
        }
    }

    /** What decides the partition of a request. */
    public enum Keys {
        /** Each request has a key of its own. */
        REQUEST,
        /** Requests of one adapter are in one partition. */
        ADAPTER
    }

    /**
     * A Poisson process that is quiet and busy by turns (a Markov-modulated Poisson process). The rate also rises and
     * falls like a sine wave with a period of a day, which begins at the mean and rises.
     *
     * @param perSecond    mean rate
     * @param burst        busy rate over quiet rate
     * @param quietSeconds mean time in the quiet state
     * @param busySeconds  mean time in the busy state
     * @param wave         amplitude of the wave over the mean, 0 to 1
     */
    public record Arrivals(double perSecond, double burst, double quietSeconds, double busySeconds, double wave) {

        public Arrivals {
            if (!(perSecond > 0)
                    || !(burst >= 1)
                    || !(quietSeconds > 0)
                    || !(busySeconds > 0)
                    || wave < 0
                    || wave > 1) {
                throw new IllegalArgumentException("arrivals need a positive rate, a burst of 1 or more, positive times"
                        + " and a wave of 0 to 1");
            }
        }

        private double quietRate() {
            return perSecond * (quietSeconds + busySeconds) / (quietSeconds + burst * busySeconds);
        }

        /**
         * The arrivals in order.
         *
         * @param shift the lengths of a busy state are divided by it, unchanged or multiplied by it, with equal
         *              probabilities; its rate changes by the inverse, so that the work is the same
         */
        private List<Arrival> over(double seconds, double shift, SplittableRandom random) {
            List<Arrival> arrivals = new ArrayList<>();
            double highest = quietRate() * burst * shift * (1 + wave);
            boolean busy = false;
            double factor = 1;
            double turn = exponential(random, quietSeconds);
            for (double t = exponential(random, 1 / highest); t < seconds; t += exponential(random, 1 / highest)) {
                while (turn < t) {
                    busy = !busy;
                    factor = busy ? StrictMath.pow(shift, random.nextInt(3) - 1) : 1;
                    turn += exponential(random, busy ? busySeconds : quietSeconds);
                }
                double rate =
                        quietRate() * (busy ? burst / factor : 1) * (1 + wave * StrictMath.sin(2 * Math.PI * t / DAY));
                if (random.nextDouble() * highest < rate) {
                    arrivals.add(new Arrival(t, factor));
                }
            }
            return arrivals;
        }
    }

    private record Arrival(double time, double lengthFactor) {}

    /**
     * Token counts. Prompts and completions are lognormal. Some requests are long: their completions have another mean
     * and eight times the limit.
     *
     * @param prompt     mean tokens of a prompt
     * @param completion mean tokens of a completion that is not long
     * @param sigma      standard deviation of the logarithms
     * @param longShare  share of long requests, 0 to 1
     * @param longTokens mean tokens of a long completion
     * @param shift      how much longer or shorter the requests of a busy state can be, 1 for not at all
     */
    public record Lengths(
            double prompt, double completion, double sigma, double longShare, double longTokens, double shift) {

        /** {@code max_tokens} of a request that is not long. */
        static final int MAX_TOKENS = 512;

        static final int LONG_MAX_TOKENS = 8 * MAX_TOKENS;

        public Lengths {
            if (!(prompt >= 1)
                    || !(completion >= 1)
                    || sigma < 0
                    || longShare < 0
                    || longShare > 1
                    || !(longTokens >= 1)
                    || !(shift >= 1)) {
                throw new IllegalArgumentException("token counts need means of 1 or more, and a share of 0 to 1");
            }
        }

        private int tokens(double mean, SplittableRandom random) {
            double log = StrictMath.log(mean) - sigma * sigma / 2 + sigma * normal(random);
            return (int) Math.max(1, Math.min(Integer.MAX_VALUE, Math.round(StrictMath.exp(log))));
        }
    }

    /** The requests in the order of their arrival. Times and lengths do not depend on keys and partitions. */
    List<Request> requests(long seed, int partitions) {
        SplittableRandom root = new SplittableRandom(seed);
        List<Arrival> instants = arrivals.over(hours * 3600, lengths.shift(), root.split());
        SplittableRandom random = root.split();
        SplittableRandom keyRandom = root.split();
        double[] popularity = popularity();
        int[] partitionOfAdapter = new int[adapters];
        Arrays.setAll(partitionOfAdapter, any -> keyRandom.nextInt(partitions));
        List<Request> requests = new ArrayList<>(instants.size());
        for (Arrival each : instants) {
            boolean isLong = random.nextDouble() < lengths.longShare();
            int limit = isLong ? Lengths.LONG_MAX_TOKENS : Lengths.MAX_TOKENS;
            int prompt = lengths.tokens(each.lengthFactor * lengths.prompt(), random);
            int completion =
                    lengths.tokens(each.lengthFactor * (isLong ? lengths.longTokens() : lengths.completion()), random);
            int adapter = Arrays.binarySearch(popularity, random.nextDouble());
            adapter = Math.min(adapters - 1, adapter < 0 ? -adapter - 1 : adapter + 1);
            int partition = keys == Keys.ADAPTER ? partitionOfAdapter[adapter] : keyRandom.nextInt(partitions);
            requests.add(new Request(each.time, partition, prompt, Math.min(completion, limit), limit));
        }
        return requests;
    }

    /** Cumulative probabilities of the adapters, of which the k-th is proportional to {@code 1 / k}. */
    private double[] popularity() {
        double[] cumulative = new double[adapters];
        double sum = 0;
        for (int k = 0; k < adapters; k++) {
            sum += 1.0 / (k + 1);
            cumulative[k] = sum;
        }
        for (int k = 0; k < adapters; k++) {
            cumulative[k] /= sum;
        }
        return cumulative;
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
