package io.tidemark.benchmark.calibration;

import io.tidemark.calibration.curve.CurveStatistics;
import io.tidemark.calibration.rule.HarmTest;
import io.tidemark.calibration.rule.Objective;
import io.tidemark.calibration.rule.RuleSettings;
import io.tidemark.calibration.rule.ScoredBatch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalLong;

/** Follows one rule with one objective through the streams of a world. */
final class StreamTally {

    /** The true values of one distribution of examples. */
    private static final class Truth {

        private final double[] means;
        private final boolean[] harmful;
        private final double best;

        Truth(Traffic traffic, HarmTest test) {
            // L is last, with differences of 0
            double[] below = traffic.means();
            double[] capped = traffic.cappedMeans(test);
            means = Arrays.copyOf(below, below.length + 1);
            harmful = new boolean[means.length];
            for (int b = 0; b < capped.length; b++) {
                harmful[b] = capped[b] < -test.margin();
            }
            best = Arrays.stream(means).max().orElseThrow();
        }
    }

    private final World world;
    private final Objective objective;
    private final ComparedRule rule;
    private final RuleSettings settings;
    private final Truth first;
    private final Truth later;

    private SimulatedRule running;
    private Truth truth;
    private long counted;
    private boolean hasMoved;
    private boolean hasHarmed;
    /** The number of examples at the change to which a harmful boundary was brought in force before it. */
    private OptionalLong harmfulSince = OptionalLong.empty();

    private int streams;
    private int exposedStreams;
    private long examples;
    private double regret;
    private double gain;
    private long moves;
    private long withdrawals;
    private long falseAlarms;
    private long watchedExamples;
    private final List<Long> firstMoves = new ArrayList<>();
    private final List<Long> firstHarms = new ArrayList<>();
    private final List<Long> delays = new ArrayList<>();

    StreamTally(World world, Objective objective, ComparedRule rule, RuleSettings settings) {
        this.world = world;
        this.objective = objective;
        this.rule = rule;
        this.settings = settings;
        HarmTest test = settings.forObjective(objective).test();
        this.first = new Truth(world.traffic(), test);
        this.later = world.later().map(traffic -> new Truth(traffic, test)).orElse(first);
        startStream();
    }

    void startStream() {
        running = rule.start(settings, objective, world.boundaries());
        truth = first;
        counted = 0;
        hasMoved = false;
        hasHarmed = false;
        harmfulSince = OptionalLong.empty();
    }

    /** The second half of the stream begins. */
    void change() {
        truth = later;
        if (truth.harmful[running.place()]) {
            exposedStreams++;
            harmfulSince = OptionalLong.of(counted);
        }
    }

    void count(ScoredBatch batch, CurveStatistics soFar, int batches) {
        int before = running.place();
        int size = batch.examples().size();
        regret += size * (truth.best - truth.means[before]);
        gain += size * truth.means[before];
        if (before < truth.means.length - 1 && !truth.harmful[before]) {
            watchedExamples += size;
        }
        int withdrawnBefore = running.withdrawals();
        running.count(batch, soFar, batches);
        counted += size;
        examples += size;
        int withdrawn = running.withdrawals() - withdrawnBefore;
        withdrawals += withdrawn;
        if (withdrawn > 0 && !truth.harmful[before]) {
            falseAlarms += withdrawn;
        }
        if (running.place() != before) {
            move();
        }
    }

    private void move() {
        moves++;
        if (!hasMoved) {
            hasMoved = true;
            firstMoves.add(counted);
        }
        boolean isHarmful = truth.harmful[running.place()];
        if (isHarmful && !hasHarmed) {
            hasHarmed = true;
            firstHarms.add(counted);
        }
        if (!isHarmful && harmfulSince.isPresent()) {
            delays.add(counted - harmfulSince.getAsLong());
            harmfulSince = OptionalLong.empty();
        }
    }

    void endStream() {
        streams++;
    }

    RuleResult result() {
        return new RuleResult(
                world.name(),
                world.isBounded(),
                objective.written(),
                rule.title(),
                streams,
                sorted(firstHarms),
                gain / examples,
                regret / examples,
                (double) moves / streams,
                sorted(firstMoves),
                exposedStreams,
                sorted(delays),
                withdrawals,
                falseAlarms,
                watchedExamples);
    }

    private static List<Long> sorted(List<Long> values) {
        return values.stream().sorted().toList();
    }
}
