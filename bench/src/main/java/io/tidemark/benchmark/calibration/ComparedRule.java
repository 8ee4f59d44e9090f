package io.tidemark.benchmark.calibration;

import io.tidemark.calibration.curve.CurveStatistics;
import io.tidemark.calibration.curve.OneStandardError;
import io.tidemark.calibration.rule.BatchCount;
import io.tidemark.calibration.rule.BoundaryRule;
import io.tidemark.calibration.rule.Candidates;
import io.tidemark.calibration.rule.InForce;
import io.tidemark.calibration.rule.Objective;
import io.tidemark.calibration.rule.PartitionStates;
import io.tidemark.calibration.rule.RuleDecision;
import io.tidemark.calibration.rule.RuleSettings;
import io.tidemark.calibration.rule.ScoredBatch;
import java.util.List;
import java.util.Optional;

/** The rules that a simulation compares. */
public enum ComparedRule {
    /** {@link OneStandardError} chooses from the means of all examples, whatever the objective is. */
    ONE_STANDARD_ERROR("1-SE") {
        @Override
        SimulatedRule start(RuleSettings settings, Objective objective, List<Integer> boundaries) {
            return new Means(boundaries.size() - 1);
        }
    },
    /** The rule that calibrators use, {@link BoundaryRule}. */
    E_PROCESS("e-process") {
        @Override
        SimulatedRule start(RuleSettings settings, Objective objective, List<Integer> boundaries) {
            return new EProcess(settings, objective, boundaries);
        }
    };

    private final String title;

    ComparedRule(String title) {
        this.title = title;
    }

    /** The name in tables. */
    public String title() {
        return title;
    }

    /** Starts a stream with full LoRA in force. */
    abstract SimulatedRule start(RuleSettings settings, Objective objective, List<Integer> boundaries);

    /** Chooses from the curve, after eight examples. */
    private static final class Means implements SimulatedRule {

        private static final int MIN_SAMPLES = 8;

        private int place;

        Means(int full) {
            this.place = full;
        }

        @Override
        public void count(ScoredBatch batch, CurveStatistics soFar, int batches) {
            if (soFar.count() >= MIN_SAMPLES) {
                place = OneStandardError.choose(soFar.curve()).layers();
            }
        }

        @Override
        public int place() {
            return place;
        }

        @Override
        public int withdrawals() {
            return 0;
        }
    }

    /** The e-process rule on one partition. */
    private static final class EProcess implements SimulatedRule {

        private final BoundaryRule rule;
        private final List<Integer> boundaries;
        private PartitionStates states = PartitionStates.empty();
        private InForce inForce;
        private int withdrawals;

        EProcess(RuleSettings settings, Objective objective, List<Integer> boundaries) {
            int numLayers = boundaries.get(boundaries.size() - 1);
            this.rule = new BoundaryRule(
                    settings.withCandidates(Optional.of(Candidates.of(boundaries))), objective, numLayers);
            this.boundaries = boundaries;
            this.inForce = InForce.none(numLayers);
        }

        @Override
        public void count(ScoredBatch batch, CurveStatistics soFar, int batches) {
            BatchCount.Counted counted = (BatchCount.Counted) rule.count(states, 0, batch, inForce);
            states = states.with(0, counted.state());
            inForce = counted.inForce();
            withdrawals += (int) counted.decisions().stream()
                    .filter(RuleDecision::isWithdrawal)
                    .count();
        }

        @Override
        public int place() {
            return boundaries.indexOf(inForce.boundary());
        }

        @Override
        public int withdrawals() {
            return withdrawals;
        }
    }
}
