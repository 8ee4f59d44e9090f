package io.tidemark.calibration.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.tidemark.calibration.curve.StudentT;
import io.tidemark.calibration.rule.HarmTest.Unit;
import io.tidemark.calibration.rule.RuleDecision.EpochEnd;
import io.tidemark.calibration.rule.RuleDecision.Reason;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("The boundary rule")
class BoundaryRuleTest {

    /** Layers, and the place of L. */
    private static final int L = 3;

    private static final RuleSettings SETTINGS = RuleSettings.DEFAULT;

    /** The states of all partitions and what is in force, as tables would hold them. */
    private static final class Adapter {

        private BoundaryRule rule;
        private PartitionStates states = PartitionStates.empty();
        private InForce inForce = InForce.none(L);

        Adapter(RuleSettings settings, String objective) {
            with(settings, objective);
        }

        Adapter with(RuleSettings settings, String objective) {
            rule = new BoundaryRule(settings, Objective.parse(objective), L);
            return this;
        }

        List<RuleDecision> count(int partition, ScoredBatch batch) {
            BoundaryRule.Counted counted = rule.count(states, partition, batch, inForce);
            states = states.with(partition, counted.state());
            inForce = counted.inForce();
            return counted.decisions();
        }

        /** Counts batches of 8 examples with the same differences, and returns all decisions. */
        List<RuleDecision> count(int partition, int batches, double... differences) {
            List<RuleDecision> decisions = new ArrayList<>();
            for (int i = 0; i < batches; i++) {
                decisions.addAll(count(partition, ScoredBatches.constant(8, differences)));
            }
            return decisions;
        }

        /** The only move among some decisions. */
        static RuleDecision move(List<RuleDecision> decisions) {
            List<RuleDecision> moves =
                    decisions.stream().filter(RuleDecision::isMove).toList();
            assertThat(moves).hasSize(1);
            return moves.get(0);
        }
    }

    private static RuleSettings settings(int minSamples, int minBatches, double falseAlarm, int epochExamples) {
        return new RuleSettings(
                0.05,
                0.02,
                1,
                0.5,
                minSamples,
                minBatches,
                64,
                falseAlarm,
                epochExamples,
                Unit.EXAMPLE,
                Optional.empty());
    }

    private static RuleSettings test(double margin, double lossCap, double gainCap, Unit unit) {
        return new RuleSettings(0.05, margin, lossCap, gainCap, 32, 4, 64, 10_000, 2000, unit, Optional.empty());
    }

    @Test
    @DisplayName("A boundary moves at the first batch at which ln E is at its threshold, and not before")
    void movesWhenCertified() {
        Adapter adapter = new Adapter(SETTINGS, "latency");
        List<RuleDecision> decisions = adapter.count(0, 20, -0.2, 0.1, -0.2);
        RuleDecision move = Adapter.move(decisions);
        assertThat(move.before()).isEqualTo(L);
        assertThat(move.inForce().boundary()).isEqualTo(1);
        assertThat(move.inForce().move()).isEqualTo(1);
        assertThat(move.inForce().epoch()).isEqualTo(1);
        assertThat(move.inForce().examplesAtMove()).isEqualTo(move.evidence().examples());
        RuleEvidence.Row row = move.evidence().row(1).orElseThrow();
        assertThat(row.certified()).isTrue();
        assertThat(row.logE().orElseThrow())
                .isGreaterThanOrEqualTo(move.evidence().threshold());
        assertThat(move.evidence().row(0).orElseThrow().certified()).isFalse();
        RuleDecision before = decisions.get(decisions.indexOf(move) - 1);
        assertThat(before.evidence().row(1).orElseThrow().logE().orElseThrow())
                .isLessThan(before.evidence().threshold());
        assertThat(before.reason()).isEqualTo(Reason.CHOSEN);
    }

    @ParameterizedTest(name = "{0} chooses {1}")
    @CsvSource({"quality,2", "balanced,1", "latency,0", "tolerance:0.03,0"})
    @DisplayName("The objective chooses among certified boundaries")
    void objectives(String objective, int chosen) {
        RuleSettings enough = settings(400, 4, 10_000, 2000);
        Adapter adapter = new Adapter(enough, objective);
        RuleDecision move = Adapter.move(adapter.count(0, 60, 0.2, 0.285, 0.3));
        assertThat(move.inForce().boundary()).isEqualTo(chosen);
        assertThat(move.evidence().boundaries()).allMatch(RuleEvidence.Row::certified);
    }

    @Test
    @DisplayName("Boundaries within 1e-6 nats tie, and the smaller one is chosen")
    void ties() {
        Adapter adapter = new Adapter(settings(400, 4, 10_000, 2000), "quality");
        RuleDecision move = Adapter.move(adapter.count(0, 60, 0.2, 0.2999995, 0.3));
        assertThat(move.inForce().boundary()).isEqualTo(1);
    }

    @Test
    @DisplayName("A certified boundary waits for min-samples and min-batches")
    void minimums() {
        List<RuleDecision> samples = new Adapter(settings(200, 1, 10_000, 2000), "latency").count(0, 30, 0.4, 0.4, 0.4);
        assertThat(Adapter.move(samples).evidence().examples()).isEqualTo(200);
        assertThat(samples).anyMatch(decision -> decision.reason() == Reason.TOO_FEW_SAMPLES);
        List<RuleDecision> batches = new Adapter(settings(2, 25, 10_000, 2000), "latency").count(0, 30, 0.4, 0.4, 0.4);
        assertThat(Adapter.move(batches).evidence().batches()).isEqualTo(25);
        assertThat(batches).anyMatch(decision -> decision.reason() == Reason.TOO_FEW_BATCHES);
    }

    @Test
    @DisplayName("A boundary whose every example gains is not certified before its e-process allows it")
    void fewExamples() {
        // ln(K k (k + 1) / alpha) is 4.8 for three boundaries; eight examples at the gain cap reach 3
        List<RuleDecision> decisions = new Adapter(settings(2, 1, 10_000, 2000), "latency").count(0, 1, 9, 9, 9);
        assertThat(decisions).extracting(RuleDecision::reason).containsExactly(Reason.CHOSEN);
    }

    @Test
    @DisplayName("The evidence says how many more examples a boundary needs at its present mean")
    void missingExamples() {
        Adapter adapter = new Adapter(SETTINGS, "latency");
        RuleEvidence early = adapter.count(0, 4, -0.2, 0.1, 0).get(3).evidence();
        assertThat(missing(early, 0)).isEmpty();
        long missing = missing(early, 1).orElseThrow();
        assertThat(missing(early, 2).orElseThrow()).isGreaterThan(missing);
        assertThat(early.row(L).orElseThrow().sums()).isEmpty();
        long needed = Adapter.move(adapter.count(0, 60, -0.2, 0.1, 0).subList(0, 20))
                .evidence()
                .examples();
        // to the end of a batch of 8
        assertThat(needed - early.examples()).isBetween(missing - 8, missing + 8);
    }

    private static OptionalLong missing(RuleEvidence evidence, int boundary) {
        return EProcesses.examplesTo(
                evidence.threshold(),
                evidence.row(boundary).orElseThrow().sums().orElseThrow(),
                evidence.examples());
    }

    @Test
    @DisplayName("The next move needs 1.25 times the examples of the last one")
    void growth() {
        Adapter adapter = new Adapter(settings(2, 1, 1e9, 2000), "latency");
        RuleDecision first = Adapter.move(adapter.count(0, 20, -0.9, 0.5, 0.5));
        assertThat(first.inForce().boundary()).isEqualTo(1);
        long examples = first.evidence().examples();
        PartitionStates before = adapter.states;
        // a state in which boundary 0 is certified, just after the move
        InForce late = InForce.rule(2, 1, 1, examples, SETTINGS.test());
        RuleDecision soon = adapter.rule.decide(before, late);
        assertThat(before.at(1).get(0).statistics().count()).isGreaterThan(5 * examples / 4);
        assertThat(soon.reason()).isEqualTo(Reason.PREFERRED);
        InForce just = InForce.rule(2, 1, 1, before.at(1).get(0).statistics().count(), SETTINGS.test());
        assertThat(adapter.rule.decide(before, just).reason()).isEqualTo(Reason.SOON_AFTER_MOVE);
        InForce otherEpoch = new InForce(2, InForce.Source.RULE, 0, 1, 100_000, Optional.of(SETTINGS.test()));
        assertThat(adapter.rule.decide(before, otherEpoch).reason()).isEqualTo(Reason.PREFERRED);
    }

    @Test
    @DisplayName("A move to more layers needs a gain above two paired standard errors")
    void moreLayers() {
        Adapter adapter = new Adapter(settings(2, 1, 1e9, 2000), "quality");
        adapter.inForce = InForce.rule(0, 1, 1, 0, SETTINGS.test());
        // boundary 0 loses 0.4 in half of the examples, L gains on average 0.2 with a standard error of 0.2/sqrt(n-1)
        double[][] rows = new double[8][];
        for (int i = 0; i < rows.length; i++) {
            rows[i] = new double[] {i % 2 == 0 ? -1.2 : 0.8, -0.9, -0.9};
        }
        RuleDecision unclear = adapter.count(0, ScoredBatches.of(rows)).get(0);
        assertThat(unclear.reason()).isEqualTo(Reason.GAIN_NOT_CLEAR);
        assertThat(unclear.inForce().boundary()).isZero();
        RuleDecision move = Adapter.move(adapter.count(0, 20, -0.2, -0.9, -0.9));
        assertThat(move.inForce().boundary()).isEqualTo(L);
        RuleEvidence.Row row = move.evidence().row(0).orElseThrow();
        assertThat(-row.difference())
                .isGreaterThan(
                        2 * row.interval() / StudentT.upper975(move.evidence().examples() - 1));
        assertThat(move.inForce().move()).isEqualTo(2);
    }

    @Test
    @DisplayName("An alarm of the e-detector withdraws the boundary, and the next epoch starts empty")
    void alarm() {
        Adapter adapter = new Adapter(SETTINGS, "latency");
        InForce moved = Adapter.move(adapter.count(0, 20, -0.2, 0.3, -0.2)).inForce();
        List<RuleDecision> decisions = adapter.count(0, 40, -0.2, -0.3, -0.2);
        RuleDecision alarm = decisions.stream()
                .filter(RuleDecision::isWithdrawal)
                .findFirst()
                .orElseThrow();
        assertThat(alarm.reason()).isEqualTo(Reason.ALARM);
        assertThat(alarm.epochEnd()).contains(EpochEnd.ALARM);
        assertThat(alarm.before()).isEqualTo(1);
        assertThat(alarm.evidence().watch()).isGreaterThanOrEqualTo(10_000);
        assertThat(alarm.inForce().boundary()).isEqualTo(L);
        assertThat(alarm.inForce().epoch()).isEqualTo(2);
        assertThat(alarm.inForce().move()).isEqualTo(moved.move());
        RuleDecision next = decisions.get(decisions.indexOf(alarm) + 1);
        assertThat(next.evidence().epoch()).isEqualTo(2);
        assertThat(next.evidence().examples()).isEqualTo(8);
        assertThat(next.evidence().threshold() - alarm.evidence().threshold()).isEqualTo(Math.log(3), within(1e-9));
        // and it moves again when the traffic is as before
        assertThat(Adapter.move(adapter.count(0, 100, -0.2, 0.3, -0.2))
                        .inForce()
                        .move())
                .isEqualTo(2);
    }

    @Test
    @DisplayName("The watch adds up partitions, and that of an earlier move counts as 0")
    void watchOfSeveralPartitions() {
        Adapter adapter = new Adapter(SETTINGS, "latency");
        adapter.count(0, 20, -0.2, 0.3, -0.2);
        adapter.count(0, 2, -0.2, -0.3, -0.2);
        double one = adapter.states.watch(adapter.inForce, SETTINGS.test());
        adapter.count(5, 2, -0.2, -0.3, -0.2);
        double two = adapter.states.watch(adapter.inForce, SETTINGS.test());
        assertThat(one).isPositive();
        assertThat(two).isGreaterThan(one);
        InForce later = InForce.rule(1, 1, 9, 0, SETTINGS.test());
        assertThat(adapter.states.watch(later, SETTINGS.test())).isZero();
        adapter.inForce = later;
        adapter.count(5, 1, -0.2, 0.3, -0.2);
        assertThat(adapter.states.of(5).orElseThrow().watch().move()).isEqualTo(9);
        assertThat(adapter.states.lastMove(InForce.none(L))).isEqualTo(9);
    }

    @Test
    @DisplayName("Partitions lead to the decision of one partition with the same examples")
    void partitions() {
        Adapter one = new Adapter(SETTINGS, "balanced");
        Adapter three = new Adapter(SETTINGS, "balanced");
        for (int i = 0; i < 30; i++) {
            ScoredBatch batch = ScoredBatches.constant(8, -0.1, 0.05 * Math.sin(i) + 0.1, 0.02);
            RuleDecision expected = one.count(0, batch).get(0);
            RuleDecision decision = three.count(i % 3, batch).get(0);
            assertThat(decision.reason()).isEqualTo(expected.reason());
            assertThat(decision.inForce()).isEqualTo(expected.inForce());
            for (int b = 0; b < L; b++) {
                assertThat(decision.evidence().row(b).orElseThrow().logE().orElseThrow())
                        .isEqualTo(
                                expected.evidence().row(b).orElseThrow().logE().orElseThrow(), within(1e-9));
            }
        }
        assertThat(one.inForce.boundary()).isLessThan(L);
    }

    @Test
    @DisplayName("A large batch is decided in parts as smaller batches would be, and is one batch")
    void parts() {
        double[][] rows = new double[300][];
        for (int i = 0; i < rows.length; i++) {
            rows[i] = new double[] {-0.1, 0.2, 0.1};
        }
        RuleSettings settings = settings(32, 1, 10_000, 2000);
        Adapter whole = new Adapter(settings, "latency");
        List<RuleDecision> decisions = whole.count(0, ScoredBatches.of(rows));
        assertThat(decisions).hasSize(5);
        assertThat(decisions).allMatch(decision -> decision.evidence().batches() == 1);
        assertThat(decisions)
                .extracting(decision -> decision.evidence().examples())
                .containsExactly(64L, 128L, 192L, 256L, 300L);
        assertThat(Adapter.move(decisions).evidence().examples()).isEqualTo(64);
    }

    @Test
    @DisplayName("An epoch that ends within a batch counts the rest of it in the next epoch")
    void endWithinBatch() {
        Adapter adapter = new Adapter(settings(32, 1, 10_000, 100), "latency");
        List<RuleDecision> decisions = adapter.count(0, ScoredBatches.constant(300, -0.1, -0.1, -0.1));
        assertThat(decisions)
                .extracting(decision -> decision.evidence().epoch())
                .containsExactly(1, 1, 2, 2, 3);
        assertThat(decisions)
                .extracting(RuleDecision::epochEnd)
                .containsExactly(
                        Optional.empty(),
                        Optional.of(EpochEnd.FULL),
                        Optional.empty(),
                        Optional.of(EpochEnd.FULL),
                        Optional.empty());
        assertThat(adapter.states.of(0).orElseThrow().statistics().count()).isEqualTo(44);
        assertThat(adapter.states.of(0).orElseThrow().batches()).isEqualTo(1);
    }

    @Test
    @DisplayName("With the end of a full epoch, the boundary and its watch stay")
    void fullEpoch() {
        Adapter adapter = new Adapter(settings(32, 4, 10_000, 168), "latency");
        List<RuleDecision> decisions = adapter.count(0, 20, -0.2, 0.3, -0.2);
        assertThat(Adapter.move(decisions).inForce().boundary()).isEqualTo(1);
        RuleDecision last = adapter.count(0, 1, -0.2, -0.3, -0.2).get(0);
        assertThat(last.epochEnd()).contains(EpochEnd.FULL);
        assertThat(adapter.inForce.boundary()).isEqualTo(1);
        EpochState next = adapter.states.of(0).orElseThrow();
        assertThat(next.epoch()).isEqualTo(2);
        assertThat(next.statistics().count()).isZero();
        assertThat(next.watch().value()).isPositive();
        assertThat(adapter.count(0, 40, -0.2, -0.3, -0.2)).anyMatch(decision -> decision.reason() == Reason.ALARM);
    }

    @Test
    @DisplayName("A state of an older epoch is ignored until its partition counts again, and then starts empty")
    void olderEpoch() {
        Adapter adapter = new Adapter(settings(32, 4, 10_000, 64), "latency");
        adapter.count(1, 4, -0.1, -0.1, -0.1);
        adapter.count(0, 4, -0.1, -0.1, -0.1);
        RuleDecision decision = adapter.count(0, 1, -0.1, -0.1, -0.1).get(0);
        assertThat(decision.evidence().epoch()).isEqualTo(2);
        assertThat(decision.evidence().examples()).isEqualTo(8);
        adapter.count(1, 1, -0.1, -0.1, -0.1);
        assertThat(adapter.states.of(1).orElseThrow().epoch()).isEqualTo(2);
        assertThat(adapter.states.of(1).orElseThrow().statistics().count()).isEqualTo(8);
    }

    @ParameterizedTest(name = "margin {0}, loss cap {1}, gain cap {2}, unit {3}: withdrawn {4}")
    @CsvSource({
        "0.03,1,0.5,EXAMPLE,false",
        "0.02,0.9,0.5,EXAMPLE,false",
        "0.02,1,0.6,EXAMPLE,false",
        "0.01,1,0.5,EXAMPLE,true",
        "0.02,2,0.5,EXAMPLE,true",
        "0.02,1,0.4,EXAMPLE,true",
        "0.02,1,0.5,BATCH,true"
    })
    @DisplayName("A change of the test begins an epoch; a stricter test withdraws the boundary")
    void settingsChange(double margin, double lossCap, double gainCap, Unit unit, boolean withdrawn) {
        Adapter adapter = new Adapter(SETTINGS, "latency");
        adapter.count(0, 20, -0.2, 0.3, -0.2);
        assertThat(adapter.inForce.boundary()).isEqualTo(1);
        List<RuleDecision> decisions =
                adapter.with(test(margin, lossCap, gainCap, unit), "latency").count(0, 1, -0.2, 0.3, -0.2);
        assertThat(decisions).hasSize(2);
        assertThat(decisions.get(0).epochEnd()).contains(EpochEnd.SETTINGS);
        assertThat(decisions.get(0).isWithdrawal()).isEqualTo(withdrawn);
        assertThat(decisions.get(0).reason()).isEqualTo(withdrawn ? Reason.STRICTER_SETTINGS : Reason.OTHER_SETTINGS);
        assertThat(adapter.inForce.boundary()).isEqualTo(withdrawn ? L : 1);
        assertThat(decisions.get(1).evidence().epoch()).isEqualTo(2);
        assertThat(decisions.get(1).evidence().examples()).isEqualTo(8);
        // the same settings do not begin another epoch
        assertThat(adapter.count(0, 1, -0.2, 0.3, -0.2)).hasSize(1);
    }

    @Test
    @DisplayName("The record in force withdraws its boundary under stricter settings although all states are lost")
    void lostStates() {
        Adapter adapter = new Adapter(test(0.01, 1, 0.5, Unit.EXAMPLE), "latency");
        adapter.inForce = InForce.rule(1, 4, 2, 60, SETTINGS.test());
        RuleDecision decision = adapter.count(0, 1, -0.2, 0.3, -0.2).get(0);
        assertThat(decision.reason()).isEqualTo(Reason.STRICTER_SETTINGS);
        assertThat(adapter.inForce.boundary()).isEqualTo(L);
        assertThat(adapter.states.of(0).orElseThrow().epoch()).isEqualTo(4);
    }

    @Test
    @DisplayName("A change of candidates begins an epoch that includes the boundary in force and counts it")
    void candidatesChange() {
        Adapter adapter = new Adapter(SETTINGS, "latency");
        adapter.count(0, 20, -0.2, 0.3, -0.2);
        RuleSettings two = new RuleSettings(
                0.05, 0.02, 1, 0.5, 32, 4, 64, 10_000, 2000, Unit.EXAMPLE, Optional.of(Candidates.parse("0,2")));
        adapter.with(two, "latency");
        BoundaryRule.Opened opened = adapter.rule.open(adapter.states, 0, adapter.inForce);
        assertThat(opened.state().set().boundaries()).containsExactly(0, 1, 2, 3);
        assertThat(opened.state().set().kept()).hasValue(1);
        List<RuleDecision> decisions = adapter.count(0, 1, -0.2, 0.3, -0.2);
        assertThat(adapter.inForce.boundary()).isEqualTo(1);
        assertThat(decisions.get(1).evidence().threshold()).isEqualTo(EProcesses.threshold(3, 2, 0.05));
        // the watch tests the same hypothesis, and goes on
        assertThat(adapter.states.of(0).orElseThrow().watch().move()).isEqualTo(1);
        // an alarm ends the epoch; the kept boundary is no longer scored
        adapter.count(0, 40, -0.2, -0.3, -0.2);
        assertThat(adapter.inForce.boundary()).isEqualTo(L);
        assertThat(adapter.states.of(0).orElseThrow().set().boundaries()).containsExactly(0, 2, 3);
    }

    @Test
    @DisplayName("A partition that counts later in an epoch uses the set of the epoch's start")
    void setOfTheStart() {
        Adapter adapter = new Adapter(SETTINGS, "latency");
        adapter.count(0, 20, -0.2, 0.3, -0.2);
        adapter.with(SETTINGS.withCandidates(Optional.of(Candidates.parse("0,2"))), "latency");
        adapter.count(0, 1, -0.2, 0.3, -0.2);
        // a tombstone removes the record of boundary 1
        adapter.inForce = InForce.none(L);
        adapter.count(1, 1, -0.2, 0.3, -0.2);
        assertThat(adapter.states.of(1).orElseThrow().set().kept()).hasValue(1);
        assertThat(adapter.count(0, 1, -0.2, 0.3, -0.2)).hasSize(1);
        assertThat(adapter.states.epoch(adapter.inForce)).isEqualTo(2);
    }

    @Test
    @DisplayName("A batch that was scored without a boundary of the epoch is refused, to be scored again")
    void otherSet() {
        Adapter adapter = new Adapter(SETTINGS, "latency");
        ScoredBatch batch = ScoredBatches.of(List.of(0, 2, 3), new double[4][2]);
        assertThat(batch.covers(adapter.rule
                        .open(adapter.states, 0, adapter.inForce)
                        .state()
                        .set()))
                .isFalse();
        assertThatThrownBy(() -> adapter.count(0, batch)).hasMessageContaining("[0, 2, 3]");
    }

    @Test
    @DisplayName("Two calibrators with different settings alternate epochs, and neither keeps the other's boundary")
    void conflict() {
        RuleSettings other = test(0.05, 1, 0.5, Unit.EXAMPLE);
        Adapter adapter = new Adapter(SETTINGS, "latency");
        adapter.count(0, 3, 0.4, 0.4, 0.4);
        adapter.with(other, "latency").count(1, 1, 0.4, 0.4, 0.4);
        assertThat(adapter.states.of(1).orElseThrow().epoch()).isEqualTo(2);
        List<RuleDecision> decisions = adapter.with(SETTINGS, "latency").count(0, 1, 0.4, 0.4, 0.4);
        assertThat(decisions.get(0).epochEnd()).contains(EpochEnd.SETTINGS);
        assertThat(adapter.states.of(0).orElseThrow().epoch()).isEqualTo(3);
        // after its own commit a calibrator decides on states of others' settings: it keeps the boundary
        adapter.with(other, "latency");
        assertThat(adapter.rule.decide(adapter.states, adapter.inForce).reason())
                .isEqualTo(Reason.OTHER_SETTINGS);
    }

    /** Boundary 1 is in force, and the next batch on partition 0 raises an alarm. */
    private static Adapter beforeAlarm() {
        Adapter adapter = new Adapter(SETTINGS, "latency");
        adapter.count(1, 1, -0.2, 0.3, -0.2);
        adapter.count(0, 20, -0.2, 0.3, -0.2);
        PartitionStates states;
        InForce inForce;
        do {
            states = adapter.states;
            inForce = adapter.inForce;
        } while (adapter.count(0, 1, -0.2, -0.3, -0.2).get(0).reason() != Reason.ALARM);
        adapter.states = states;
        adapter.inForce = inForce;
        return adapter;
    }

    @Test
    @DisplayName("A move that another calibrator commits at the time of an alarm is withdrawn by either of them")
    void overtaken() {
        Adapter adapter = beforeAlarm();
        BoundaryRule.Counted alarm =
                adapter.rule.count(adapter.states, 0, ScoredBatches.constant(8, -0.2, -0.3, -0.2), adapter.inForce);
        // the other calibrator has not seen the alarm, and its record is the last one
        EpochState other = adapter.states.of(1).orElseThrow().watching(2, 0);
        InForce moved = InForce.rule(0, 1, 2, 200, SETTINGS.test());
        PartitionStates states = adapter.states.with(0, alarm.state()).with(1, other);
        RuleDecision afterCommit = adapter.rule.decide(states, moved);
        assertThat(afterCommit.reason()).isEqualTo(Reason.OVERTAKEN);
        assertThat(afterCommit.inForce()).isEqualTo(InForce.rule(L, 2, 2, 0, SETTINGS.test()));
        // if it dies before it decides again, the next batch withdraws the boundary
        for (int partition = 0; partition < 3; partition++) {
            BoundaryRule.Counted next =
                    adapter.rule.count(states, partition, ScoredBatches.constant(8, -0.2, 0.3, -0.2), moved);
            assertThat(next.decisions().get(0).reason()).isEqualTo(Reason.OVERTAKEN);
            assertThat(next.decisions()).hasSize(2);
            assertThat(next.inForce().boundary()).isEqualTo(L);
            assertThat(next.state().epoch()).isEqualTo(2);
            assertThat(next.state().statistics().count()).isEqualTo(8);
        }
    }

    @Test
    @DisplayName("A boundary that stays in force when an epoch begins is not withdrawn, whichever partition begins it")
    void notOvertaken() {
        for (RuleSettings settings : List.of(test(0.03, 1, 0.5, Unit.EXAMPLE), settings(32, 4, 10_000, 176))) {
            Adapter adapter = new Adapter(SETTINGS, "latency");
            adapter.count(1, 1, -0.2, 0.3, -0.2);
            adapter.count(0, 20, -0.2, 0.3, -0.2);
            adapter.with(settings, "latency");
            // partition 2 has not counted anything, and all examples of its batch may be repeats
            adapter.count(2, new ScoredBatch(List.of(0, 1, 2, 3), List.of()));
            for (int i = 0; i < 9; i++) {
                assertThat(adapter.count(i % 3, 1, -0.2, 0.3, -0.2)).noneMatch(RuleDecision::isWithdrawal);
            }
            assertThat(adapter.inForce.boundary()).isEqualTo(1);
            assertThat(adapter.states.epoch(adapter.inForce)).isEqualTo(2);
        }
    }

    @Test
    @DisplayName("A pinned boundary is neither moved nor watched nor part of the epoch's set")
    void pinned() {
        RuleSettings settings = new RuleSettings(
                0.05, 0.02, 1, 0.5, 32, 4, 64, 100, 2000, Unit.EXAMPLE, Optional.of(Candidates.parse("0,2")));
        Adapter adapter = new Adapter(settings, "latency");
        adapter.inForce = InForce.pinned(1);
        List<RuleDecision> decisions = new ArrayList<>();
        for (int i = 0; i < 30; i++) {
            double[][] rows = new double[8][];
            Arrays.fill(rows, new double[] {0.3, -1});
            decisions.addAll(adapter.count(0, ScoredBatches.of(List.of(0, 2, 3), rows)));
        }
        assertThat(decisions).allMatch(decision -> decision.reason() == Reason.PINNED);
        assertThat(adapter.inForce).isEqualTo(InForce.pinned(1));
        assertThat(adapter.states.of(0).orElseThrow().set().kept()).isEmpty();
        // the operator removes the pin: what was counted in the meantime counts
        adapter.inForce = InForce.none(L);
        assertThat(adapter.rule
                        .decide(adapter.states, adapter.inForce)
                        .inForce()
                        .boundary())
                .isZero();
    }

    @Test
    @DisplayName("A reset record with a later epoch starts empty sums at that epoch")
    void reset() {
        Adapter adapter = new Adapter(SETTINGS, "latency");
        adapter.count(0, 20, -0.2, 0.3, -0.2);
        adapter.inForce = InForce.rule(L, 2, 1, 0, SETTINGS.test());
        assertThatThrownBy(() -> adapter.rule.decide(adapter.states, adapter.inForce))
                .hasMessageContaining("epoch 2");
        RuleDecision decision = adapter.count(0, 1, -0.2, 0.3, -0.2).get(0);
        assertThat(decision.evidence().epoch()).isEqualTo(2);
        assertThat(decision.evidence().examples()).isEqualTo(8);
    }

    @Test
    @DisplayName("Epoch and move go on from the states after a tombstone of the record")
    void tombstone() {
        Adapter adapter = new Adapter(settings(32, 4, 10_000, 168), "latency");
        adapter.count(0, 21, -0.2, 0.3, -0.2);
        adapter.inForce = InForce.none(L);
        RuleDecision move = Adapter.move(adapter.count(0, 20, -0.2, 0.3, -0.2));
        assertThat(move.evidence().epoch()).isEqualTo(2);
        assertThat(move.inForce().move()).isEqualTo(2);
    }

    @Test
    @DisplayName("With the unit batch, a batch is one part and one factor, in the watch too")
    void unitBatch() {
        RuleSettings settings = new RuleSettings(0.05, 0.02, 1, 0.5, 32, 4, 2, 100, 2000, Unit.BATCH, Optional.empty());
        Adapter adapter = new Adapter(settings, "latency");
        List<RuleDecision> decisions = adapter.count(0, 60, -0.2, 0.3, -0.2);
        assertThat(decisions).hasSize(60);
        // as many batches as examples with the other unit, with equal examples
        RuleDecision move = Adapter.move(decisions);
        RuleDecision perExample =
                Adapter.move(new Adapter(settings(8, 1, 10_000, 2000), "latency").count(0, 60, -0.2, 0.3, -0.2));
        assertThat((long) move.evidence().batches())
                .isBetween(
                        perExample.evidence().examples() - 7,
                        perExample.evidence().examples());
        Watch before = adapter.states.of(0).orElseThrow().watch();
        adapter.count(0, 1, -0.2, -0.3, -0.2);
        assertThat(adapter.states.of(0).orElseThrow().watch().value())
                .isEqualTo(
                        before.plus(settings.test(), new double[][] {{-0.3}}, 0).value(), within(1e-9));
        assertThat(adapter.count(0, 10, -0.2, -0.3, -0.2)).anyMatch(decision -> decision.reason() == Reason.ALARM);
    }

    @Test
    @DisplayName("Examples that any partition has counted in the epoch are skipped, and repeats within a batch, too")
    void repeats() {
        Adapter adapter = new Adapter(settings(32, 4, 10_000, 64), "latency");
        ScoredBatch first = ScoredBatches.constant(8, 0, 0, 0);
        adapter.count(3, first);
        List<ExampleFilter.Bits> bits = new ArrayList<>(first.examples().stream()
                .map(ScoredBatch.Example::bits)
                .limit(2)
                .toList());
        ExampleFilter.Bits fresh = ExampleFilter.Bits.of(0x123456789abcdef0L);
        bits.addAll(List.of(fresh, fresh));
        BoundaryRule.Opened opened = adapter.rule.open(adapter.states, 0, adapter.inForce);
        assertThat(adapter.rule.fresh(adapter.states, opened, bits)).containsExactly(2);
        // nothing of a batch of repeats is counted
        assertThat(adapter.count(0, new ScoredBatch(List.of(0, 1, 2, 3), List.of())))
                .isEmpty();
        // the next epoch counts them again
        adapter.count(0, 7, 0, 0, 0);
        opened = adapter.rule.open(adapter.states, 0, adapter.inForce);
        assertThat(opened.state().epoch()).isEqualTo(2);
        assertThat(adapter.rule.fresh(adapter.states, opened, bits)).containsExactly(0, 1, 2);
    }

    @Test
    @DisplayName("A decision is the same for the states read back from their records")
    void recordsKeepDecisions() {
        Adapter adapter = new Adapter(SETTINGS, "balanced");
        Adapter restarted = new Adapter(SETTINGS, "balanced");
        for (int i = 0; i < 40; i++) {
            ScoredBatch batch = ScoredBatches.constant(5, -0.1, 0.1 + Math.sin(i), i < 20 ? 0.02 : -0.7);
            restarted.states = EpochStateTest.readBack(restarted.states);
            assertThat(restarted.count(i % 2, batch)).isEqualTo(adapter.count(i % 2, batch));
        }
        assertThat(restarted.states).isEqualTo(adapter.states);
        assertThat(IntStream.range(0, 2).allMatch(p -> adapter.states.of(p).isPresent()))
                .isTrue();
    }
}
