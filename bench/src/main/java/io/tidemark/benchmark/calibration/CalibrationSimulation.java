package io.tidemark.benchmark.calibration;

import io.tidemark.calibration.curve.CurveStatistics;
import io.tidemark.calibration.rule.BoundaryScores;
import io.tidemark.calibration.rule.ExampleFilter;
import io.tidemark.calibration.rule.Objective;
import io.tidemark.calibration.rule.RuleSettings;
import io.tidemark.calibration.rule.ScoredBatch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;

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
     * Runs one stream of all recorded examples once, in a random order.
     *
     * @param boundaries the boundaries of {@code traffic}, and L
     * @return the boundary in force after each batch
     */
    public List<Integer> shuffle(
            RecordedTraffic traffic, List<Integer> boundaries, Objective objective, int batchSize, long shuffle) {
        SplittableRandom bits = new SplittableRandom(shuffle);
        SimulatedRule rule = ComparedRule.E_PROCESS.start(settings, objective, boundaries);
        CurveStatistics soFar = CurveStatistics.empty(boundaries.size() - 1);
        List<Integer> course = new ArrayList<>();
        for (double[][] differences : traffic.shuffled(batchSize, shuffle)) {
            double[][] scores = scores(differences);
            soFar = soFar.plus(scores);
            rule.count(batch(boundaries, scores, bits), soFar, course.size() + 1);
            course.add(boundaries.get(rule.place()));
        }
        return course;
    }
}
