package io.tidemark.calibration.rule;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeMap;

/**
 * The settings of {@link BoundaryRule}, {@code tidemark.calibrator.*}. Where they count examples, a group counts as
 * one.
 *
 * @param alpha              the probability with which a boundary that is worse than {@code -margin} is ever chosen,
 *                           per adapter version, between 0 and 1
 * @param margin             accepted loss in nats per gold token
 * @param lossCap            largest loss of an example that counts, in nats per gold token, above {@code margin}
 * @param gainCap            largest gain of an example that counts, in nats per gold token
 * @param minSamples         examples of an epoch before its first move, 2 or more
 * @param minBatches         batches of an epoch before its first move, 1 or more
 * @param batchExamples      a larger batch is decided in parts of this many examples
 * @param falseAlarmExamples examples from a move to a false alarm, on average at least
 * @param epochExamples      an epoch ends at this many examples, from {@code minSamples} to 4000
 * @param candidates         the boundaries that are scored; empty for the default
 * @param keptCandidates     how many candidates with the highest means are scored after {@code minSamples} examples,
 *                           besides that with the highest ln E; empty for all candidates, without dropping any
 */
public record RuleSettings(
        double alpha,
        double margin,
        double lossCap,
        double gainCap,
        int minSamples,
        int minBatches,
        int batchExamples,
        double falseAlarmExamples,
        int epochExamples,
        Optional<Candidates> candidates,
        OptionalInt keptCandidates) {

    /** No epoch has more examples. Keeps wrong skips of {@link ExampleFilter} below 0.25%. */
    public static final int MAX_EPOCH_EXAMPLES = 4000;

    private static final int MAX_BATCH_EXAMPLES = 100_000;
    private static final double MIN_FALSE_ALARM = 10;
    private static final double MAX_FALSE_ALARM = 1e9;

    public static final RuleSettings DEFAULT =
            new RuleSettings(0.05, 0.02, 1, 0.5, 32, 4, 64, 10_000, 2000, Optional.empty(), OptionalInt.of(3));

    /** @throws IllegalArgumentException if a value is out of range; the message names the setting */
    public RuleSettings {
        if (!(alpha > 0 && alpha < 1)) {
            throw new IllegalArgumentException("alpha must be above 0 and below 1: " + alpha);
        }
        new HarmTest(margin, lossCap, gainCap);
        keptCandidates.ifPresent(kept -> requireRange("kept-candidates", kept, 1, Candidates.MAX_COUNT));
        requireRange("min-samples", minSamples, 2, MAX_EPOCH_EXAMPLES);
        requireRange("min-batches", minBatches, 1, MAX_EPOCH_EXAMPLES);
        requireRange("batch-examples", batchExamples, 1, MAX_BATCH_EXAMPLES);
        if (!(falseAlarmExamples >= MIN_FALSE_ALARM && falseAlarmExamples <= MAX_FALSE_ALARM)) {
            throw new IllegalArgumentException("false-alarm-examples must be from " + MIN_FALSE_ALARM + " to "
                    + MAX_FALSE_ALARM + ": " + falseAlarmExamples);
        }
        requireRange("epoch-examples", epochExamples, 2, MAX_EPOCH_EXAMPLES);
        if (minSamples > epochExamples) {
            throw new IllegalArgumentException(
                    "min-samples (" + minSamples + ") must not be above epoch-examples (" + epochExamples + ")");
        }
        if (minBatches > epochExamples) {
            throw new IllegalArgumentException(
                    "min-batches (" + minBatches + ") must not be above epoch-examples (" + epochExamples + ")");
        }
    }

    private static void requireRange(String setting, int value, int least, int most) {
        if (value < least || value > most) {
            throw new IllegalArgumentException(setting + " must be from " + least + " to " + most + ": " + value);
        }
    }

    /**
     * These settings with the margin of an objective: {@code tolerance:NATS} sets it to NATS.
     *
     * @throws IllegalArgumentException if the loss cap is not above it
     */
    public RuleSettings forObjective(Objective objective) {
        return with(objective.tolerance().orElse(margin), candidates);
    }

    /** These settings with other candidates. */
    public RuleSettings withCandidates(Optional<Candidates> others) {
        return with(margin, others);
    }

    private RuleSettings with(double otherMargin, Optional<Candidates> otherCandidates) {
        return new RuleSettings(
                alpha,
                otherMargin,
                lossCap,
                gainCap,
                minSamples,
                minBatches,
                batchExamples,
                falseAlarmExamples,
                epochExamples,
                otherCandidates,
                keptCandidates);
    }

    /** The hypothesis that is tested for each boundary. */
    public HarmTest test() {
        return new HarmTest(margin, lossCap, gainCap);
    }

    /**
     * The candidates for a model, ascending, with 0 and L.
     *
     * @throws IllegalArgumentException if a listed candidate is above {@code numLayers}
     */
    public List<Integer> candidates(int numLayers) {
        return Candidates.of(candidates, numLayers);
    }

    /** The settings that begin no new epoch, and the objective, by their names: calibrators must agree on them. */
    public Map<String, String> shared(Objective objective) {
        Map<String, String> shared = new TreeMap<>();
        shared.put("alpha", Double.toString(alpha));
        shared.put("min-samples", Integer.toString(minSamples));
        shared.put("min-batches", Integer.toString(minBatches));
        shared.put("batch-examples", Integer.toString(batchExamples));
        shared.put("false-alarm-examples", Double.toString(falseAlarmExamples));
        shared.put("epoch-examples", Integer.toString(epochExamples));
        shared.put("kept-candidates", keptCandidates.isPresent() ? "" + keptCandidates.getAsInt() : "all");
        shared.put("objective", objective.written());
        return shared;
    }
}
