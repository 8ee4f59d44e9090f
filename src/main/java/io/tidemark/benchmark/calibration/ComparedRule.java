package io.tidemark.benchmark.calibration;

import io.tidemark.boundary.Boundary;
import io.tidemark.calibration.curve.BoundaryCurve;
import io.tidemark.calibration.curve.CurveStatistics;
import io.tidemark.calibration.curve.OneStandardError;
import io.tidemark.calibration.rule.BoundaryRule;
import io.tidemark.calibration.rule.Candidates;
import io.tidemark.calibration.rule.EligibleChoice;
import io.tidemark.calibration.rule.InForce;
import io.tidemark.calibration.rule.Objective;
import io.tidemark.calibration.rule.PartitionStates;
import io.tidemark.calibration.rule.RuleDecision;
import io.tidemark.calibration.rule.RuleSettings;
import io.tidemark.calibration.rule.ScoredBatch;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/** The rules that a simulation compares. */
public enum ComparedRule {
    /** {@link OneStandardError} chooses from the means of all examples, whatever the objective is. */
    ONE_STANDARD_ERROR("1-SE") {
        @Override
        SimulatedRule start(RuleSettings settings, Objective objective, List<Integer> boundaries) {
            return new FromMeans(boundaries.size() - 1);
        }
    },
    /** The objective chooses among boundaries that an asymptotic confidence sequence certifies. */
    ASYMPTOTIC("asymptotic") {
        @Override
        SimulatedRule start(RuleSettings settings, Objective objective, List<Integer> boundaries) {
            return new Asymptotic(settings, objective, boundaries.size() - 1);
        }
    },
    /** {@link BoundaryRule}. */
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

    /** After eight examples, the choice from the curve. */
    private static final class FromMeans implements SimulatedRule {

        private static final int MIN_SAMPLES = 8;

        private int place;

        FromMeans(int full) {
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

    /**
     * Certifies boundary b while the lower end of the asymptotic confidence sequence of its mean difference is at least
     * {@code -margin}, at the level {@code alpha / K} (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2024,
     * <i>Time-uniform central limit theory and asymptotic confidence sequences</i>, one-sided):
     * {@code mean - s sqrt(2 (n r + 1) / (n^2 r) ln(1 + sqrt(n r + 1) / (2 level)))}, where r makes it tightest near
     * 200 examples. It has no limit of the differences, and no guarantee for finite n.
     */
    private static final class Asymptotic implements SimulatedRule {

        private static final double TIGHTEST = 200;

        private final EligibleChoice choice;
        private final double margin;
        private final double level;
        private final double rho2;
        private final int full;
        private int place;
        private long examplesAtMove;

        Asymptotic(RuleSettings settings, Objective objective, int full) {
            this.choice =
                    new EligibleChoice(objective, settings.margin(), settings.minSamples(), settings.minBatches());
            this.margin = settings.margin();
            this.level = settings.alpha() / full;
            double log = -2 * Math.log(2 * level);
            this.rho2 = (log + Math.log(log + 1)) / TIGHTEST;
            this.full = full;
            this.place = full;
        }

        @Override
        public void count(ScoredBatch batch, CurveStatistics soFar, int batches) {
            BoundaryCurve curve = soFar.curve();
            double n = soFar.count();
            double errors =
                    Math.sqrt(2 * (n * rho2 + 1) / (n * rho2) * Math.log(1 + Math.sqrt(n * rho2 + 1) / (2 * level)));
            List<Integer> eligible = IntStream.rangeClosed(0, full)
                    .filter(b -> b == place || b == full || isCertified(curve, b, errors))
                    .boxed()
                    .toList();
            EligibleChoice.Choice chosen = choice.choose(soFar, batches, eligible, place, examplesAtMove);
            if (chosen.kept().isEmpty()) {
                place = chosen.place();
                examplesAtMove = soFar.count();
            }
        }

        private boolean isCertified(BoundaryCurve curve, int b, double errors) {
            Boundary boundary = new Boundary(b);
            return -curve.loss(boundary, curve.full()) - errors * curve.standardError(boundary, curve.full())
                    >= -margin;
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
            BoundaryRule.Counted counted = rule.count(states, 0, batch, inForce);
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
