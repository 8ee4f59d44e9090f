package io.tidemark.benchmark.calibration;

import java.util.List;

/**
 * What one rule with one objective did in all streams of a world. A boundary is harmful if its true mean capped
 * difference to full LoRA is below {@code -margin}.
 *
 * @param world           the name of the world
 * @param isBounded       whether the guarantee holds in the world
 * @param objective       the objective in its written form
 * @param rule            the name of the rule
 * @param streams         number of streams
 * @param firstHarms      examples until the move of each stream that moved to a harmful boundary, ascending
 * @param gain            mean true difference of the boundary in force to full LoRA, over all examples
 * @param regret          mean true difference of the best boundary to the one in force, over all examples
 * @param moves           moves per stream, withdrawals included
 * @param firstMoves      examples until the first move of each stream that has one, ascending
 * @param exposedStreams  streams in which a change of the traffic made the boundary in force harmful
 * @param delays          examples from the change until each of these left the boundary for one that is not
 *                        harmful, ascending
 * @param withdrawals     withdrawals in all streams
 * @param falseAlarms     withdrawals of a boundary that was not harmful
 * @param watchedExamples examples for which a boundary below L was in force that was not harmful
 */
public record RuleResult(
        String world,
        boolean isBounded,
        String objective,
        String rule,
        int streams,
        List<Long> firstHarms,
        double gain,
        double regret,
        double moves,
        List<Long> firstMoves,
        int exposedStreams,
        List<Long> delays,
        long withdrawals,
        long falseAlarms,
        long watchedExamples) {

    public RuleResult {
        firstHarms = List.copyOf(firstHarms);
        firstMoves = List.copyOf(firstMoves);
        delays = List.copyOf(delays);
    }

    /** The share of streams that ever moved to a harmful boundary. */
    public double harmShare() {
        return (double) firstHarms.size() / streams;
    }

    /** The share of streams that ever moved. */
    public double movedShare() {
        return (double) firstMoves.size() / streams;
    }

    /** False alarms per 10,000 examples with a boundary below L that is not harmful. */
    public double falseAlarmsPer10k() {
        return watchedExamples == 0 ? 0 : 10_000.0 * falseAlarms / watchedExamples;
    }
}
