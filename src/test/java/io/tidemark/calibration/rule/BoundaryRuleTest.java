package io.tidemark.calibration.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;
import static org.assertj.core.api.Assertions.within;

import io.tidemark.calibration.curve.StudentT;
import io.tidemark.calibration.rule.RuleDecision.EpochEnd;
import io.tidemark.calibration.rule.RuleDecision.Reason;
import io.tidemark.message.DroppedBoundary;
import io.tidemark.message.UncountedExamples;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
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

    /** The default settings, without dropping candidates. */
    private static final RuleSettings SETTINGS = test(0.02, 1, 0.5);

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

        /** What a batch would lead to. */
        BatchCount.Counted counted(int partition, ScoredBatch batch) {
            return (BatchCount.Counted) rule.count(states, partition, batch, inForce);
        }

        List<RuleDecision> count(int partition, ScoredBatch batch) {
            BatchCount.Counted counted = counted(partition, batch);
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
                Optional.empty(),
                OptionalInt.empty());
    }

    private static RuleSettings test(double margin, double lossCap, double gainCap) {
        return new RuleSettings(
                0.05, margin, lossCap, gainCap, 32, 4, 64, 10_000, 2000, Optional.empty(), OptionalInt.empty());
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
        RuleEvidence.BoundaryEvidence row = move.evidence().row(1).orElseThrow();
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
        assertThat(move.evidence().boundaries()).allMatch(RuleEvidence.BoundaryEvidence::certified);
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
        InForce otherEpoch = new InForce(2, InForce.Origin.RULE, 0, 1, 100_000, Optional.of(SETTINGS.test()));
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
        RuleEvidence.BoundaryEvidence row = move.evidence().row(0).orElseThrow();
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

    @ParameterizedTest(name = "margin {0}, loss cap {1}, gain cap {2}: withdrawn {3}")
    @CsvSource({
        "0.03,1,0.5,false",
        "0.02,0.9,0.5,false",
        "0.02,1,0.6,false",
        "0.01,1,0.5,true",
        "0.02,2,0.5,true",
        "0.02,1,0.4,true"
    })
    @DisplayName("A change of the test begins an epoch; a stricter test withdraws the boundary")
    void settingsChange(double margin, double lossCap, double gainCap, boolean withdrawn) {
        Adapter adapter = new Adapter(SETTINGS, "latency");
        adapter.count(0, 20, -0.2, 0.3, -0.2);
        assertThat(adapter.inForce.boundary()).isEqualTo(1);
        List<RuleDecision> decisions =
                adapter.with(test(margin, lossCap, gainCap), "latency").count(0, 1, -0.2, 0.3, -0.2);
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
        Adapter adapter = new Adapter(test(0.01, 1, 0.5), "latency");
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
                0.05, 0.02, 1, 0.5, 32, 4, 64, 10_000, 2000, Optional.of(Candidates.parse("0,2")), OptionalInt.empty());
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
    @DisplayName("Examples that were scored without a boundary of the epoch must be scored again, part by part")
    void otherSet() {
        Adapter adapter = new Adapter(SETTINGS, "latency");
        ScoredBatch batch = ScoredBatches.of(List.of(0, 2, 3), new double[100][2]);
        BatchCount first = adapter.rule.count(adapter.states, 0, batch, adapter.inForce);
        List<Integer> part = IntStream.range(0, 64).boxed().toList();
        assertThat(first).isEqualTo(new BatchCount.Unscored(part, List.of(0, 1, 2, 3)));
        ScoredBatch scored = batch.with(
                part,
                part.stream()
                        .map(place -> BoundaryScores.of(List.of(0, 1, 2, 3), new double[4]))
                        .toList());
        assertThat(adapter.rule.count(adapter.states, 0, scored, adapter.inForce))
                .isEqualTo(
                        new BatchCount.Unscored(IntStream.range(64, 100).boxed().toList(), List.of(0, 1, 2, 3)));
    }

    @Test
    @DisplayName("Two calibrators with different settings alternate epochs, and neither keeps the other's boundary")
    void conflict() {
        RuleSettings other = test(0.05, 1, 0.5);
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
        BatchCount.Counted alarm = (BatchCount.Counted)
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
            BatchCount.Counted next = (BatchCount.Counted)
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
        for (RuleSettings settings : List.of(test(0.03, 1, 0.5), settings(32, 4, 10_000, 176))) {
            Adapter adapter = new Adapter(SETTINGS, "latency");
            adapter.count(1, 1, -0.2, 0.3, -0.2);
            adapter.count(0, 20, -0.2, 0.3, -0.2);
            adapter.with(settings, "latency");
            // partition 2 has not counted anything, and all examples of its batch may be repeats
            adapter.count(2, new ScoredBatch(List.of(), 0));
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
                0.05, 0.02, 1, 0.5, 32, 4, 64, 100, 2000, Optional.of(Candidates.parse("0,2")), OptionalInt.empty());
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
    @DisplayName("Examples that any partition has counted in the epoch are skipped, and repeats within a batch, too")
    void repeats() {
        Adapter adapter = new Adapter(settings(32, 4, 10_000, 64), "latency");
        ScoredBatch first = ScoredBatches.constant(8, 0, 0, 0);
        adapter.count(3, first);
        List<ScoredBatch.ScoredExample> examples =
                new ArrayList<>(first.examples().subList(0, 2));
        ScoredBatch.ScoredExample fresh =
                ScoredBatches.constant(1, 0, 0, 0).examples().get(0);
        examples.addAll(List.of(fresh, fresh));
        ScoredBatch batch = new ScoredBatch(examples, 0);
        BatchCount.Counted counted = adapter.counted(0, batch);
        assertThat(counted.uncounted()).isEqualTo(new UncountedExamples(3, 0, 0));
        assertThat(counted.state().units()).isEqualTo(1);
        // nothing of a batch of repeats is counted
        assertThat(adapter.count(0, first)).isEmpty();
        assertThat(adapter.states.of(0).orElseThrow().uncounted()).isEqualTo(new UncountedExamples(8, 0, 0));
        // the next epoch counts them again
        adapter.count(0, 7, 0, 0, 0);
        assertThat(adapter.states.of(0).orElseThrow().epoch()).isEqualTo(2);
        assertThat(adapter.counted(0, batch).uncounted()).isEqualTo(new UncountedExamples(1, 0, 0));
    }

    private static RuleSettings dropping(int keptCandidates, int epochExamples) {
        return new RuleSettings(
                0.05, 0.02, 1, 0.5, 32, 4, 64, 10_000, epochExamples, Optional.empty(), OptionalInt.of(keptCandidates));
    }

    private static List<Integer> boundaries(Adapter adapter, int partition) {
        return adapter.states.of(partition).orElseThrow().set().boundaries();
    }

    @Test
    @DisplayName("Once all partitions have min-samples examples, the next part is scored at the best candidates only")
    void drops() {
        Adapter adapter = new Adapter(dropping(1, 2000), "latency");
        adapter.count(0, 2, 0, 0.1, 0.05);
        adapter.count(1, 2, 0, 0.1, 0.05);
        assertThat(boundaries(adapter, 1)).containsExactly(0, 1, 2, 3);
        ScoredBatch unscored = new ScoredBatch(
                ScoredBatches.constant(8, 0, 0, 0).examples().stream()
                        .map(each -> new ScoredBatch.ScoredExample(each.bits(), each.group(), BoundaryScores.NONE))
                        .toList(),
                0);
        assertThat(adapter.rule.count(adapter.states, 2, unscored, adapter.inForce))
                .isEqualTo(new BatchCount.Unscored(IntStream.range(0, 8).boxed().toList(), List.of(1, 3)));
        RuleEvidence evidence = adapter.count(2, 1, 0, 0.1, 0.05).get(0).evidence();
        assertThat(boundaries(adapter, 2)).containsExactly(1, 3);
        assertThat(evidence.examples()).isEqualTo(40);
        assertThat(evidence.boundaries())
                .extracting(RuleEvidence.BoundaryEvidence::boundary)
                .containsExactly(1, 3);
        assertThat(evidence.dropped())
                .extracting(DroppedBoundary::boundary, DroppedBoundary::examples)
                .containsExactly(tuple(0, 32L), tuple(2, 32L));
        assertThat(evidence.dropped().get(1).difference()).isEqualTo(0.05, within(1e-12));
        // the correction is for all boundaries of the epoch's start
        assertThat(evidence.tested()).isEqualTo(3);
        assertThat(evidence.threshold()).isEqualTo(EProcesses.threshold(3, 1, 0.05));
        // a partition with older states is projected, and later ones agree
        adapter.count(0, 1, 0, 0.1, 0.05);
        assertThat(boundaries(adapter, 0)).containsExactly(1, 3);
        assertThat(adapter.states.of(0).orElseThrow().statistics().count()).isEqualTo(24);
    }

    @Test
    @DisplayName("A kept boundary has the same ln E as without dropping")
    void sameTest() {
        Adapter all = new Adapter(SETTINGS, "quality");
        Adapter best = new Adapter(dropping(1, 2000), "quality");
        for (int i = 0; i < 9; i++) {
            ScoredBatch batch = ScoredBatches.constant(8, -0.1, 0.02 * Math.sin(i) + 0.03, 0);
            RuleEvidence.BoundaryEvidence expected =
                    all.count(0, batch).get(0).evidence().row(1).orElseThrow();
            RuleEvidence.BoundaryEvidence row =
                    best.count(0, batch).get(0).evidence().row(1).orElseThrow();
            assertThat(row.logE().orElseThrow()).isEqualTo(expected.logE().orElseThrow(), within(1e-9));
            assertThat(row.mean()).isEqualTo(expected.mean(), within(1e-9));
        }
    }

    @Test
    @DisplayName("A candidate whose mean is below the margin by two standard errors is dropped although it is the best")
    void hopeless() {
        Adapter adapter = new Adapter(dropping(3, 80), "latency");
        for (int batch = 0; batch < 4; batch++) {
            double[][] rows = new double[8][];
            for (int i = 0; i < rows.length; i++) {
                // the standard error of boundary 1 is 0.5 / sqrt(31)
                rows[i] = new double[] {-0.1, i % 2 == 0 ? 0.35 : -0.65, -0.021};
            }
            adapter.count(0, ScoredBatches.of(rows));
        }
        adapter.count(0, 1, 0, 0, 0);
        assertThat(boundaries(adapter, 0)).containsExactly(1, 3);
        // with none left, examples are counted without scores, until the epoch ends and all return
        Adapter none = new Adapter(dropping(3, 80), "latency");
        none.count(0, 4, -0.1, -0.1, -0.1);
        ScoredBatch unscored = new ScoredBatch(
                ScoredBatches.constant(40, 0, 0, 0).examples().stream()
                        .map(each -> new ScoredBatch.ScoredExample(each.bits(), each.group(), BoundaryScores.NONE))
                        .toList(),
                0);
        RuleEvidence evidence = none.count(0, unscored).get(0).evidence();
        assertThat(boundaries(none, 0)).containsExactly(3);
        assertThat(evidence.examples()).isEqualTo(72);
        assertThat(none.states.of(0).orElseThrow().statistics().count()).isEqualTo(32);
        assertThat(EpochStateTest.readBack(none.states)).isEqualTo(none.states);
        none.count(0, new ScoredBatch(unscored.examples().subList(0, 0), 0));
        none.count(0, 1, 0, 0, 0);
        assertThat(boundaries(none, 0)).containsExactly(0, 1, 2, 3);
        assertThat(none.states.of(0).orElseThrow().epoch()).isEqualTo(2);
    }

    @Test
    @DisplayName(
            "The boundary in force is scored and watched although it is the worst, and kept ones stay after a move")
    void keepsTheBoundaryInForce() {
        Adapter adapter = new Adapter(dropping(1, 2000), "latency");
        adapter.inForce = InForce.rule(0, 1, 1, 0, SETTINGS.test());
        adapter.count(0, 5, -0.04, 0.1, 0.05);
        assertThat(boundaries(adapter, 0)).containsExactly(0, 1, 3);
        assertThat(adapter.states.watch(adapter.inForce, SETTINGS.test())).isPositive();
    }

    @Test
    @DisplayName("If two partitions drop boundaries at the same time, what either has dropped is dropped")
    void dropsAtTheSameTime() {
        Adapter one = new Adapter(dropping(2, 2000), "latency");
        one.count(0, 2, 0.01, 0.02, 0.03);
        one.count(1, 2, 0.01, 0.02, 0.03);
        Adapter other = new Adapter(dropping(2, 2000), "latency");
        other.count(2, 2, 0.2, 0, 0);
        PartitionStates before = one.states;
        one.count(0, 1, 0.01, 0.02, 0.03);
        assertThat(boundaries(one, 0)).containsExactly(1, 2, 3);
        Adapter late = new Adapter(dropping(2, 2000), "latency");
        late.states = before.with(2, other.states.of(2).orElseThrow());
        late.count(1, 1, 0.01, 0.02, 0.03);
        assertThat(boundaries(late, 1)).containsExactly(0, 2, 3);
        // both are committed
        PartitionStates both = one.states.with(1, late.states.of(1).orElseThrow());
        one.states = both;
        RuleEvidence evidence = one.rule.decide(both, one.inForce).evidence();
        assertThat(evidence.boundaries())
                .extracting(RuleEvidence.BoundaryEvidence::boundary)
                .containsExactly(2, 3);
        assertThat(evidence.examples()).isEqualTo(48);
        one.count(1, 1, 0.01, 0.02, 0.03);
        assertThat(boundaries(one, 1)).containsExactly(2, 3);
        assertThat(one.states.epoch(one.inForce)).isEqualTo(1);
    }

    /** A batch whose examples belong to groups; a group of "" is none. */
    private static ScoredBatch grouped(ScoredBatch batch, String... groups) {
        return new ScoredBatch(
                IntStream.range(0, groups.length)
                        .mapToObj(i -> new ScoredBatch.ScoredExample(
                                batch.examples().get(i).bits(),
                                Optional.of(groups[i]).filter(name -> !name.isEmpty()),
                                batch.examples().get(i).scores()))
                        .toList(),
                batch.refused());
    }

    @Test
    @DisplayName("A group counts as one example with the mean of its capped differences")
    void groups() {
        double[][] rows = {{-0.2, 2, 0}, {0, 0, 0}, {0.4, -3, 0.1}, {0.1, 0.1, 0.1}};
        Adapter grouped = new Adapter(SETTINGS, "latency");
        EpochState state = grouped.counted(0, grouped(ScoredBatches.of(rows), "a", "", "a", "b"))
                .state();
        Adapter means = new Adapter(SETTINGS, "latency");
        EpochState expected = means.counted(0, ScoredBatches.of(new double[][] {
                    {0.1, (0.5 - 1) / 2, 0.05}, {0, 0, 0}, {0.1, 0.1, 0.1}
                }))
                .state();
        assertThat(state.units()).isEqualTo(3);
        assertThat(state.statistics().count()).isEqualTo(3);
        for (int b = 0; b < L; b++) {
            assertThat(state.sums().logValue(b)).isEqualTo(expected.sums().logValue(b), within(1e-12));
        }
        // the mean itself is not capped
        assertThat(state.statistics().mean(1)).isEqualTo(-1 + (-0.5 + 0 + 0.1) / 3, within(1e-12));
    }

    @Test
    @DisplayName("A group with a name of the epoch is skipped with all its examples, on any partition")
    void repeatedGroups() {
        Adapter adapter = new Adapter(SETTINGS, "latency");
        adapter.count(1, grouped(ScoredBatches.constant(3, 0, 0, 0), "a", "a", ""));
        BatchCount.Counted counted =
                adapter.counted(0, grouped(ScoredBatches.constant(5, 0, 0, 0), "a", "c", "a", "c", ""));
        assertThat(counted.uncounted()).isEqualTo(new UncountedExamples(2, 1, 0));
        assertThat(counted.state().units()).isEqualTo(2);
        assertThat(counted.decisions().get(0).evidence().uncounted()).isEqualTo(new UncountedExamples(2, 1, 0));
        // a name is no example, and an example is no name
        assertThat(adapter.counted(0, grouped(ScoredBatches.constant(1, 0, 0, 0), "b"))
                        .uncounted())
                .isEqualTo(UncountedExamples.NONE);
    }

    @Test
    @DisplayName("A part splits no group, and has more than batch-examples examples only for a larger group")
    void partsOfGroups() {
        RuleSettings settings =
                new RuleSettings(0.05, 0.02, 1, 0.5, 32, 4, 4, 10_000, 2000, Optional.empty(), OptionalInt.empty());
        Adapter adapter = new Adapter(settings, "latency");
        List<RuleDecision> decisions = adapter.count(
                0,
                grouped(
                        ScoredBatches.constant(12, 0, 0, 0),
                        "",
                        "a",
                        "b",
                        "b",
                        "b",
                        "a",
                        "c",
                        "c",
                        "c",
                        "c",
                        "c",
                        "c"));
        // [first, a], [b], [c]
        assertThat(decisions)
                .extracting(decision -> decision.evidence().examples())
                .containsExactly(2L, 3L, 4L);
    }

    @Test
    @DisplayName("A score that is not finite is the largest loss; without one at L, only the example is refused")
    void notFinite() {
        ScoredBatch batch = ScoredBatches.of(new double[][] {
            {Double.NaN, Double.NEGATIVE_INFINITY, Double.POSITIVE_INFINITY}, {0, 0, 0}, {0.1, 0.1, 0.1}
        });
        ScoredBatch withoutFull = batch.with(List.of(1), List.of(BoundaryScores.of(List.of(0, 1, 2, 3), new double[] {
            -1, -1, -1, Double.NaN
        })));
        Adapter adapter = new Adapter(SETTINGS, "latency");
        BatchCount.Counted counted = adapter.counted(0, new ScoredBatch(withoutFull.examples(), 2));
        assertThat(counted.uncounted()).isEqualTo(new UncountedExamples(0, 0, 3));
        EpochState expected = new Adapter(SETTINGS, "latency")
                .counted(0, ScoredBatches.of(new double[][] {{-1, -1, -1}, {0.1, 0.1, 0.1}}))
                .state();
        assertThat(counted.state().sums().sums()).isEqualTo(expected.sums().sums());
        assertThat(counted.state().statistics()).isEqualTo(expected.statistics());
        // a refused example may be sent again
        BatchCount.Counted again = new Adapter(SETTINGS, "latency").counted(0, withoutFull);
        adapter.states = adapter.states.with(0, again.state());
        assertThat(adapter.counted(0, batch).uncounted().repeats()).isEqualTo(2);
    }

    @Test
    @DisplayName("While a record of another compute type applies, examples count and nothing is decided")
    void otherComputeType() {
        Adapter adapter = new Adapter(SETTINGS, "latency");
        adapter.inForce = InForce.ofOtherComputeType(2);
        assertThat(adapter.count(0, 20, -0.2, 0.3, -0.2))
                .allMatch(decision -> decision.reason() == Reason.OTHER_COMPUTE_TYPE && !decision.publishes());
        assertThat(adapter.inForce).isEqualTo(InForce.ofOtherComputeType(2));
        // when the record is gone, what was counted counts
        adapter.inForce = InForce.none(L);
        assertThat(adapter.rule
                        .decide(adapter.states, adapter.inForce)
                        .inForce()
                        .boundary())
                .isEqualTo(1);
    }

    @Test
    @DisplayName("An epoch ends when the filter of a partition is full, whatever the number of groups is")
    void fullFilter() {
        Adapter adapter = new Adapter(SETTINGS, "latency");
        Optional<RuleDecision> end = Optional.empty();
        long examples = 0;
        for (int batch = 0; end.isEmpty() && batch < 100; batch++) {
            String[] groups = new String[100];
            Arrays.fill(groups, "g" + batch);
            examples += groups.length;
            end = adapter.count(0, grouped(ScoredBatches.constant(100, 0, 0, 0), groups)).stream()
                    .filter(decision -> decision.epochEnd().isPresent())
                    .findFirst();
        }
        assertThat(end.orElseThrow().epochEnd()).contains(EpochEnd.FULL);
        assertThat(examples).isBetween(7500L, 8500L);
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
