package io.tidemark.calibration.rule;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.calibration.curve.ExampleScore;
import io.tidemark.calibration.sweep.TokenizedExample;
import java.util.List;
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
            List<ScoredBatch.Example> batch = IntStream.range(from, Math.min(150, from + 16))
                    .mapToObj(i -> new ScoredBatch.Example(ExampleFilter.Bits.of(examples.get(i)), scores.get(i)))
                    .toList();
            BoundaryRule.Counted counted = RULE.count(states, 0, new ScoredBatch(List.of(0, 1, 2, 3), batch), inForce);
            states = states.with(0, counted.state());
            inForce = counted.inForce();
            last = counted.decisions().get(counted.decisions().size() - 1);
        }
        OfflineDecision decision = OfflineDecision.of(RULE, examples, scores);
        assertThat(decision.boundary()).isEqualTo(inForce.boundary()).isLessThan(3);
        assertThat(decision.reason()).isEqualTo(last.reason().label());
        assertThat(decision.examples()).isEqualTo(150);
        assertThat(decision.batches()).isEqualTo(10);
        assertThat(decision.threshold()).isEqualTo(last.evidence().threshold());
        assertThat(decision.certified()).containsExactly(1, 2);
        assertThat(OfflineDecision.of(
                        RULE,
                        IntStream.range(0, 300)
                                .mapToObj(i -> examples.get(i / 2))
                                .toList(),
                        IntStream.range(0, 300).mapToObj(i -> scores.get(i / 2)).toList()))
                .extracting(OfflineDecision::examples, OfflineDecision::certified)
                .containsExactly(150L, List.of(1, 2));
    }

    @Test
    @DisplayName("says how many examples are missing at the same rate, and with that many the boundary is in force")
    void further() {
        OfflineDecision few = decided(40, -0.5, -0.2, 0.02);
        assertThat(few.boundary()).isEqualTo(3);
        OfflineDecision.Next next = few.next().orElseThrow();
        assertThat(next.boundary()).isEqualTo(2);
        assertThat(next.lnE().orElseThrow()).isLessThan(few.threshold());
        int needed = (int) (40 + next.more());
        assertThat(decided(needed, -0.5, -0.2, 0.02).boundary()).isEqualTo(2);
        assertThat(decided(needed - 1, -0.5, -0.2, 0.02).boundary()).isEqualTo(3);
        assertThat(few.written())
                .contains(
                        "calibrator (balanced): boundary 3 of 3 after 40 examples in 3 batches",
                        "certified: none",
                        "boundary 2 is preferred, with ln E",
                        "at this rate, it needs about " + next.more() + " more examples");
    }

    @Test
    @DisplayName("counts the examples and batches before a first move, although the boundary is certified")
    void tooFewBatches() {
        OfflineDecision few = decided(20, -0.5, -0.2, 0.4);
        assertThat(few.certified()).containsExactly(2);
        assertThat(few.reason()).isEqualTo("too_few_samples");
        assertThat(few.next().orElseThrow().more()).isEqualTo(29);
        assertThat(decided(49, -0.5, -0.2, 0.4).boundary()).isEqualTo(2);
        assertThat(decided(48, -0.5, -0.2, 0.4).boundary()).isEqualTo(3);
    }

    @Test
    @DisplayName("names no number if the evidence does not grow")
    void noGrowth() {
        OfflineDecision harmful = decided(100, -0.5, -0.2, -0.1);
        assertThat(harmful.boundary()).isEqualTo(3);
        assertThat(harmful.next()).isEmpty();
        assertThat(harmful.written()).contains("at this rate, more examples would not move the boundary");
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
