package io.tidemark.calibration.rule;

import io.tidemark.calibration.rule.ScoredBatch.ScoredExample;
import io.tidemark.calibration.rule.ScoredBatch.UnitScores;
import io.tidemark.calibration.sweep.SweepBoundaries;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.TreeSet;
import java.util.stream.IntStream;

/**
 * How many examples the first move of an epoch needs, estimated from the scores of a few. For each boundary and each
 * bet, the logarithms of the factors of the scored units have a mean g and a variance v. With M scored units, and T the
 * threshold of ln E minus the logarithm of the weight of the bet, the boundary is certified after n units with the
 * probability
 *
 * <pre>Phi((n g - T) / sqrt(n v + n^2 v / M))</pre>
 *
 * <p>{@code n v} is the variance of n units, and {@code n^2 v / M} that of n times the estimate of g. The probability
 * of a move is that of the boundary and the bet for which it is the highest. The normal distribution is an
 * approximation, and M units do not show losses that are rarer than one in M.
 *
 * @param rule       the rule
 * @param units      the number M of scored units
 * @param boundaries the candidates below L, ascending
 * @param scored     the boundaries that are scored after {@code min-samples} units, ascending; the last one is L
 * @param threshold  ln E from which on a boundary is certified
 */
public record CalibrationPlan(
        BoundaryRule rule, int units, List<Growth> boundaries, List<Integer> scored, double threshold) {

    private static final int MIN_UNITS = 2;

    /**
     * The estimate for a boundary.
     *
     * @param difference mean capped difference to full LoRA, in nats per gold token
     * @param eligible   whether it is scored after {@code min-samples} units, and the objective prefers it to full LoRA
     *                   if both are certified
     * @param bets       the bets, the largest one first
     */
    public record Growth(int boundary, double difference, boolean eligible, List<Bet> bets) {

        public Growth {
            bets = List.copyOf(bets);
        }

        /** The probability that n units certify this boundary, by the best bet. */
        public double probability(long n, int units) {
            return bets.stream()
                    .mapToDouble(bet -> bet.probability(n, units))
                    .max()
                    .orElseThrow();
        }
    }

    /**
     * One bet on a boundary.
     *
     * @param mean     g
     * @param variance v
     * @param needed   T, at which this bet alone certifies the boundary
     */
    public record Bet(double mean, double variance, double needed) {

        private double probability(long n, int units) {
            double deviation = Math.sqrt(n * variance * (1 + (double) n / units));
            double distance = n * mean - needed;
            if (deviation == 0) {
                return distance >= 0 ? 1 : 0;
            }
            return normal(distance / deviation);
        }
    }

    public CalibrationPlan {
        boundaries = List.copyOf(boundaries);
        scored = List.copyOf(scored);
    }

    /**
     * Estimates from a batch that is scored at all candidates of the rule. Repeats in the batch are left out.
     *
     * @throws IllegalArgumentException if it has fewer than two units with a finite score of full LoRA
     */
    public static CalibrationPlan of(BoundaryRule rule, ScoredBatch batch) {
        List<Integer> candidates = rule.settings().candidates(rule.numLayers());
        List<UnitScores> units = batch.fresh(PartitionStates.empty(), 1).units().stream()
                .flatMap(unit -> batch.scores(unit, candidates, rule.settings().test()).stream())
                .toList();
        if (units.size() < MIN_UNITS) {
            throw new IllegalArgumentException("a plan needs " + MIN_UNITS
                    + " examples or groups that differ and have a finite score, not " + units.size());
        }
        List<Integer> scored = scoredLater(rule, batch);
        double threshold =
                EProcesses.threshold(candidates.size() - 1, 1, rule.settings().alpha());
        List<Growth> boundaries = IntStream.range(0, candidates.size() - 1)
                .mapToObj(place -> growth(rule, candidates.get(place), scored, units, place, threshold))
                .toList();
        return new CalibrationPlan(rule, units.size(), boundaries, scored, threshold);
    }

    /** The boundaries that the rule asks for after the batch. */
    private static List<Integer> scoredLater(BoundaryRule rule, ScoredBatch batch) {
        BatchCount.Counted counted =
                (BatchCount.Counted) rule.count(PartitionStates.empty(), 0, batch, InForce.none(rule.numLayers()));
        ScoredExample later =
                new ScoredExample(ExampleFilter.Bits.ofExample("\0later"), Optional.empty(), BoundaryScores.NONE);
        PartitionStates states = PartitionStates.empty().with(0, counted.state());
        return rule.count(states, 0, new ScoredBatch(List.of(later), 0), counted.inForce())
                        instanceof BatchCount.Unscored unscored
                ? unscored.boundaries()
                : List.of(rule.numLayers());
    }

    private static Growth growth(
            BoundaryRule rule,
            int boundary,
            List<Integer> scored,
            List<UnitScores> units,
            int place,
            double threshold) {
        double plain = units.stream()
                .mapToDouble(unit -> unit.scores()[place] - unit.scores()[unit.capped().length])
                .average()
                .orElseThrow();
        double[] capped =
                units.stream().mapToDouble(unit -> unit.capped()[place]).toArray();
        boolean isPreferred = rule.choice().preferred(List.of(0, 1), either -> either == 0 ? plain : 0) == 0;
        List<Bet> bets = IntStream.range(0, HarmTest.BETS)
                .mapToObj(j -> bet(
                        Arrays.stream(capped)
                                .map(z -> Math.log(rule.settings().test().factor(j, z)))
                                .toArray(),
                        threshold - EProcesses.logWeight(j)))
                .toList();
        return new Growth(
                boundary,
                Arrays.stream(capped).average().orElseThrow(),
                isPreferred && scored.contains(boundary),
                bets);
    }

    private static Bet bet(double[] logFactors, double needed) {
        double mean = Arrays.stream(logFactors).average().orElseThrow();
        double squares = Arrays.stream(logFactors)
                .map(value -> (value - mean) * (value - mean))
                .sum();
        return new Bet(mean, squares / (logFactors.length - 1), needed);
    }

    /** The probability of a move by the end of n units. */
    public double probability(long n) {
        return boundaries.stream()
                .filter(Growth::eligible)
                .mapToDouble(boundary -> boundary.probability(n, units))
                .max()
                .orElse(0);
    }

    /** The boundary that is the most likely one to be certified by n units; empty if none can be. */
    public Optional<Growth> likeliest(long n) {
        return boundaries.stream()
                .filter(Growth::eligible)
                .max(Comparator.comparingDouble(boundary -> boundary.probability(n, units)));
    }

    /**
     * The least number of units after which a move has at least a probability.
     *
     * @param batch examples in a batch, which count because of {@code min-batches}
     * @return empty if an epoch has fewer units
     */
    public OptionalLong unitsTo(double probability, int batch) {
        RuleSettings settings = rule.settings();
        long least = Math.max(settings.minSamples(), (settings.minBatches() - 1L) * batch + 1);
        for (long n = least; n <= settings.epochExamples(); n++) {
            if (probability(n) >= probability) {
                return OptionalLong.of(n);
            }
        }
        return OptionalLong.empty();
    }

    /** How often a calibrator applies a layer to an example for n examples, with dropping. */
    public long layerEvaluations(long n) {
        long first = Math.min(n, rule.settings().minSamples());
        return layerEvaluationsOfAll(first) + (scored.size() == 1 ? 0 : (n - first) * evaluations(scored));
    }

    /** How often a layer is applied to an example for n examples at all candidates. */
    public long layerEvaluationsOfAll(long n) {
        return n * evaluations(rule.settings().candidates(rule.numLayers()));
    }

    private long evaluations(Collection<Integer> chosen) {
        return new SweepBoundaries(rule.numLayers(), new TreeSet<>(chosen)).layerEvaluations();
    }

    /** The standard normal distribution function, with an error below 1e-7 (Abramowitz and Stegun 1964, 26.2.17). */
    private static double normal(double x) {
        double t = 1 / (1 + 0.2316419 * Math.abs(x));
        double series =
                t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
        double tail = series * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
        return x < 0 ? tail : 1 - tail;
    }
}
