package io.tidemark.benchmark.calibration;

import io.tidemark.calibration.curve.CurveStatistics;
import io.tidemark.calibration.rule.BatchCount;
import io.tidemark.calibration.rule.BoundaryRule;
import io.tidemark.calibration.rule.BoundaryScores;
import io.tidemark.calibration.rule.Candidates;
import io.tidemark.calibration.rule.ExampleFilter;
import io.tidemark.calibration.rule.InForce;
import io.tidemark.calibration.rule.Objective;
import io.tidemark.calibration.rule.PartitionStates;
import io.tidemark.calibration.rule.RuleSettings;
import io.tidemark.calibration.rule.ScoredBatch;
import io.tidemark.calibration.sweep.SweepBoundaries;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.TreeSet;

/**
 * Draws streams of batches from worlds with known means, and lets rules choose a boundary after every batch. All rules
 * and objectives see the same streams. A run depends on the seed only.
 *
 * @param settings   the settings of the e-process rule; the other rules use what applies to them
 * @param objectives what is preferred among the boundaries that a rule permits
 * @param streams    number of streams of each world
 * @param examples   examples of a stream
 * @param minBatch   fewest examples of a batch
 * @param maxBatch   most examples of a batch; the size of each batch is drawn from the range
 * @param seed       seed of all streams
 */
public record CalibrationSimulation(
        RuleSettings settings,
        List<Objective> objectives,
        int streams,
        int examples,
        int minBatch,
        int maxBatch,
        long seed) {

    /** @throws IllegalArgumentException if a number is out of range, or an objective does not fit the settings */
    public CalibrationSimulation {
        objectives = List.copyOf(objectives);
        if (streams < 1 || examples < 1 || objectives.isEmpty()) {
            throw new IllegalArgumentException("there must be an objective, a stream and an example");
        }
        if (minBatch < 1 || maxBatch < minBatch) {
            throw new IllegalArgumentException(
                    "batches must have 1 example or more, as in 4-64: " + minBatch + "-" + maxBatch);
        }
        objectives.forEach(settings::forObjective);
    }

    /** Runs all streams of one world. Returns a result for each objective and rule. */
    public List<RuleResult> run(World world) {
        List<StreamTally> tallies = tallies(world);
        // streams of a world do not depend on the worlds before it
        SplittableRandom random = new SplittableRandom(seed);
        for (int stream = 0; stream < streams; stream++) {
            run(world, tallies, random.split());
        }
        return tallies.stream().map(StreamTally::result).toList();
    }

    private List<StreamTally> tallies(World world) {
        List<StreamTally> tallies = new ArrayList<>();
        for (Objective objective : objectives) {
            for (ComparedRule rule : ComparedRule.values()) {
                tallies.add(new StreamTally(world, objective, rule, settings));
            }
        }
        return tallies;
    }

    private void run(World world, List<StreamTally> tallies, SplittableRandom random) {
        tallies.forEach(StreamTally::startStream);
        int counted = 0;
        int batches = 0;
        boolean hasChanged = false;
        CurveStatistics soFar = CurveStatistics.empty(world.boundaries().size() - 1);
        while (counted < examples) {
            if (!hasChanged && world.later().isPresent() && counted >= examples / 2) {
                hasChanged = true;
                tallies.forEach(StreamTally::change);
            }
            int size = Math.min(random.nextInt(minBatch, maxBatch + 1), examples - counted);
            double[][] differences = traffic(world, hasChanged, random).batch(size, random);
            double[][] scores = scores(differences);
            soFar = soFar.plus(scores);
            batches++;
            counted += size;
            ScoredBatch batch = batch(world.boundaries(), scores, random);
            for (StreamTally tally : tallies) {
                tally.count(batch, soFar, batches);
            }
        }
        tallies.forEach(StreamTally::endStream);
    }

    private static Traffic traffic(World world, boolean hasChanged, SplittableRandom random) {
        if (world.rubbish().isPresent() && random.nextDouble() < World.RUBBISH) {
            return world.rubbish().get();
        }
        return hasChanged ? world.later().orElseThrow() : world.traffic();
    }

    /** Scores of which full LoRA has 0. */
    private static double[][] scores(double[][] differences) {
        double[][] scores = new double[differences.length][];
        Arrays.setAll(scores, i -> Arrays.copyOf(differences[i], differences[i].length + 1));
        return scores;
    }

    private static ScoredBatch batch(List<Integer> boundaries, double[][] scores, SplittableRandom random) {
        List<ScoredBatch.ScoredExample> batch = new ArrayList<>(scores.length);
        for (double[] score : scores) {
            batch.add(new ScoredBatch.ScoredExample(
                    ExampleFilter.Bits.of(random.nextLong()), Optional.empty(), BoundaryScores.of(boundaries, score)));
        }
        return new ScoredBatch(batch, 0);
    }

    /**
     * Runs one stream of all recorded examples once, in a random order, with the rule of the calibrator. Examples are
     * scored as a calibrator scores them: those of the next part, at the boundaries that are left.
     *
     * @param boundaries the boundaries of {@code traffic}, and L
     */
    public Course shuffle(
            RecordedTraffic traffic, List<Integer> boundaries, Objective objective, int batchSize, long shuffle) {
        SplittableRandom bits = new SplittableRandom(shuffle);
        int numLayers = boundaries.get(boundaries.size() - 1);
        BoundaryRule rule =
                new BoundaryRule(settings.withCandidates(Optional.of(Candidates.of(boundaries))), objective, numLayers);
        PartitionStates states = PartitionStates.empty();
        InForce inForce = InForce.none(numLayers);
        List<Integer> inForceAfter = new ArrayList<>();
        long evaluations = 0;
        for (double[][] differences : traffic.shuffled(batchSize, shuffle)) {
            ScoredBatch scored = batch(boundaries, scores(differences), bits);
            ScoredBatch known = unscored(scored);
            BatchCount count = rule.count(states, 0, known, inForce);
            while (count instanceof BatchCount.Unscored next) {
                evaluations += next.places().size()
                        * new SweepBoundaries(numLayers, new TreeSet<>(next.boundaries())).layerEvaluations();
                known = known.with(
                        next.places(),
                        next.places().stream()
                                .map(place -> scored.examples().get(place).scores())
                                .toList());
                count = rule.count(states, 0, known, inForce);
            }
            BatchCount.Counted counted = (BatchCount.Counted) count;
            states = states.with(0, counted.state());
            inForce = counted.inForce();
            inForceAfter.add(inForce.boundary());
        }
        return new Course(inForceAfter, evaluations);
    }

    /**
     * What one stream of recorded examples led to.
     *
     * @param inForce          the boundary in force after each batch
     * @param layerEvaluations how often a layer was applied to an example
     */
    public record Course(List<Integer> inForce, long layerEvaluations) {

        public Course {
            inForce = List.copyOf(inForce);
        }
    }

    private static ScoredBatch unscored(ScoredBatch batch) {
        return new ScoredBatch(
                batch.examples().stream()
                        .map(each -> new ScoredBatch.ScoredExample(each.bits(), each.group(), BoundaryScores.NONE))
                        .toList(),
                0);
    }

    /**
     * How many streams of a world move, which harms in all of its worlds.
     *
     * @param boundaries the scored boundaries
     * @param isRemedied whether the remedy of the world is applied
     */
    public int moved(SentWorld world, List<Integer> boundaries, Objective objective, boolean isRemedied) {
        SplittableRandom random = new SplittableRandom(seed);
        int moved = 0;
        for (int stream = 0; stream < streams; stream++) {
            SplittableRandom own = random.split();
            List<List<SentWorld.SentExample>> batches = world.sent().draw(own);
            RuleSettings rule = settings;
            if (isRemedied) {
                SentWorld.Remedy remedy = world.remedy().orElseThrow();
                batches = remedy.resend()
                        .apply(batches.stream().flatMap(List::stream).toList(), own);
                rule = remedy.rule().apply(settings);
            }
            moved += moves(batches, boundaries, objective, rule) ? 1 : 0;
        }
        return moved;
    }

    private static boolean moves(
            List<List<SentWorld.SentExample>> batches,
            List<Integer> boundaries,
            Objective objective,
            RuleSettings settings) {
        SimulatedRule rule = ComparedRule.E_PROCESS.start(settings, objective, boundaries);
        CurveStatistics none = CurveStatistics.empty(boundaries.size() - 1);
        for (List<SentWorld.SentExample> batch : batches) {
            List<ScoredBatch.ScoredExample> scored = new ArrayList<>();
            for (SentWorld.SentExample example : batch) {
                double[] differences = example.differences();
                scored.add(new ScoredBatch.ScoredExample(
                        ExampleFilter.Bits.of(example.identity()),
                        example.group(),
                        BoundaryScores.of(boundaries, Arrays.copyOf(differences, differences.length + 1))));
            }
            rule.count(new ScoredBatch(scored, 0), none, 0);
            if (rule.place() != boundaries.size() - 1) {
                return true;
            }
        }
        return false;
    }
}
