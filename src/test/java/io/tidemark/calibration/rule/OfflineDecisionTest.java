package io.tidemark.calibration.rule;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.calibration.curve.ExampleScore;
import io.tidemark.calibration.sweep.TokenizedExample;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The decision on a set of examples")
class OfflineDecisionTest {

    private static final BoundaryRule RULE = new BoundaryRule(RuleSettings.DEFAULT, Objective.parse("balanced"), 3);

    @Test
    @DisplayName("is that of the rule on the same batches, without repeats")
    void sameAsTheRule() {
        List<TokenizedExample> examples = examples(150);
        List<ExampleScore> scores = IntStream.range(0, 150)
                .mapToObj(i -> score(-0.5, 0.1 + 0.2 * Math.sin(i), 0.05))
                .toList();
        PartitionStates states = PartitionStates.empty();
        InForce inForce = InForce.none(3);
        RuleDecision last = null;
        for (int from = 0; from < 150; from += 16) {
            List<ScoredBatch.ScoredExample> batch = IntStream.range(from, Math.min(150, from + 16))
                    .mapToObj(i -> new ScoredBatch.ScoredExample(
                            ExampleFilter.Bits.ofExample("" + i),
                            Optional.empty(),
                            BoundaryScores.of(
                                    List.of(0, 1, 2, 3),
                                    scores.get(i).meanLogprobByBoundary().stream()
                                            .mapToDouble(Double::doubleValue)
                                            .toArray())))
                    .toList();
            BatchCount.Counted counted = (BatchCount.Counted) RULE.count(states, 0, new ScoredBatch(batch, 0), inForce);
            states = states.with(0, counted.state());
            inForce = counted.inForce();
            last = counted.decisions().get(counted.decisions().size() - 1);
        }
        OfflineDecision decision = OfflineDecision.of(RULE, examples, scores);
        assertThat(decision.last()).isEqualTo(last);
        assertThat(boundary(decision)).isEqualTo(inForce.boundary()).isLessThan(3);
        assertThat(decision.written()).contains("after 150 examples in 10 batches", "certified: 1, 2;");
        OfflineDecision repeated = OfflineDecision.of(
                RULE,
                IntStream.range(0, 300).mapToObj(i -> examples.get(i / 2)).toList(),
                IntStream.range(0, 300).mapToObj(i -> scores.get(i / 2)).toList());
        assertThat(repeated.last().evidence().examples()).isEqualTo(150);
    }

    @Test
    @DisplayName("says how many examples are missing at the same rate, and with that many the boundary is in force")
    void further() {
        OfflineDecision few = decided(40, -0.5, -0.2, 0.02);
        assertThat(boundary(few)).isEqualTo(3);
        OfflineDecision.Next next = few.next().orElseThrow();
        assertThat(next.to().boundary()).isEqualTo(2);
        assertThat(next.to().certified()).isFalse();
        int needed = (int) (40 + next.more());
        assertThat(boundary(decided(needed, -0.5, -0.2, 0.02))).isEqualTo(2);
        assertThat(boundary(decided(needed - 1, -0.5, -0.2, 0.02))).isEqualTo(3);
        assertThat(few.written())
                .contains(
                        "calibrator (balanced): boundary 3 of 3 after 40 examples in 3 batches",
                        "certified: none",
                        "preferred: 2 with ln E",
                        "at this rate after about " + next.more() + " more examples");
    }

    @Test
    @DisplayName("counts the examples and batches before a first move, although the boundary is certified")
    void tooFewBatches() {
        OfflineDecision few = decided(20, -0.5, -0.2, 0.4);
        assertThat(few.written()).contains("reason too_few_samples; certified: 2;");
        assertThat(few.next().orElseThrow().more()).isEqualTo(29);
        assertThat(boundary(decided(49, -0.5, -0.2, 0.4))).isEqualTo(2);
        assertThat(boundary(decided(48, -0.5, -0.2, 0.4))).isEqualTo(3);
    }

    @Test
    @DisplayName("names no number if the evidence does not grow")
    void noGrowth() {
        OfflineDecision harmful = decided(100, -0.5, -0.2, -0.1);
        assertThat(boundary(harmful)).isEqualTo(3);
        assertThat(harmful.next()).isEmpty();
        assertThat(harmful.written()).contains("at this rate, more examples would not move it");
    }

    @Test
    @DisplayName("says that more examples are needed than an epoch has")
    void longerThanAnEpoch() {
        assertThat(decided(40, -0.5, -0.2, -0.018).written()).endsWith(" more examples, longer than an epoch");
    }

    private static int boundary(OfflineDecision decision) {
        return decision.last().inForce().boundary();
    }

    private static OfflineDecision decided(int examples, double... differences) {
        return OfflineDecision.of(
                RULE,
                examples(examples),
                IntStream.range(0, examples).mapToObj(i -> score(differences)).toList());
    }

    private static List<TokenizedExample> examples(int count) {
        return IntStream.range(0, count)
                .mapToObj(i -> new TokenizedExample(List.of(i), List.of(1)))
                .toList();
    }

    private static ExampleScore score(double... differences) {
        return new ExampleScore(1, List.of(differences[0] - 1, differences[1] - 1, differences[2] - 1, -1.0));
    }
}
