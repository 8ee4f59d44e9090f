package io.tidemark.calibration.search;

import io.tidemark.boundary.Boundary;
import io.tidemark.calibration.curve.BoundaryCurve;
import io.tidemark.calibration.curve.CurveChoice;
import io.tidemark.calibration.curve.CurveStatistics;
import io.tidemark.calibration.curve.ExampleScore;
import io.tidemark.calibration.sweep.BoundarySweep;
import io.tidemark.calibration.sweep.SweepBoundaries;
import io.tidemark.calibration.sweep.SweepRun;
import io.tidemark.calibration.sweep.TokenizedExample;
import io.tidemark.decoder.lora.LoraWeights;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.NavigableMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.function.IntConsumer;

/**
 * Searches for the boundary that is chosen from a curve, and scores only a subset of the boundaries. It begins with
 * every {@code every}-th boundary and L. It then scores the midpoints of the gaps around the best and the chosen
 * boundary, until both neighbours of each are scored. The result is exact if the curve has a single peak that is
 * visible at the first boundaries. The search cannot detect whether it is exact. Immutable.
 */
public final class CoarseSearch {

    private final int numLayers;
    private final int every;

    /**
     * The result of a search.
     *
     * @param boundary         the choice among the scored boundaries
     * @param scored           mean log-probability in nats at each scored boundary
     * @param layerEvaluations how often a layer was applied to a state of a batch
     */
    public record Found(Boundary boundary, NavigableMap<Integer, Double> scored, long layerEvaluations) {}

    /** @param every the distance of the first boundaries, 1 or more */
    public CoarseSearch(int numLayers, int every) {
        if (every < 1) {
            throw new IllegalArgumentException("the distance of the first boundaries must be 1 or more: " + every);
        }
        this.numLayers = numLayers;
        this.every = every;
    }

    /**
     * Runs the search.
     *
     * @param score returns the mean log-probabilities {@code [examples][boundaries]} at the given boundaries, in
     *              ascending order
     */
    public Found find(CurveChoice choice, Function<SortedSet<Integer>, double[][]> score) {
        TreeMap<Integer, double[]> columns = new TreeMap<>();
        SortedSet<Integer> next = first();
        long evaluations = 0;
        int chosen = numLayers;
        while (!next.isEmpty()) {
            evaluations += new SweepBoundaries(numLayers, next).layerEvaluations();
            add(columns, next, score.apply(next));
            List<Integer> scored = new ArrayList<>(columns.keySet());
            BoundaryCurve curve = curve(columns);
            chosen = scored.get(choice.of(curve).layers());
            next = midpoints(columns, List.of(chosen, scored.get(curve.best().layers())));
        }
        NavigableMap<Integer, Double> means = new TreeMap<>();
        columns.forEach((boundary, values) ->
                means.put(boundary, Arrays.stream(values).average().orElseThrow()));
        return new Found(new Boundary(chosen), means, evaluations);
    }

    /**
     * Runs the search on examples, on the calling thread.
     *
     * @param progress receives the number of scored boundaries after each round
     */
    public Found find(
            BoundarySweep sweep,
            LoraWeights weights,
            List<TokenizedExample> examples,
            CurveChoice choice,
            IntConsumer progress) {
        AtomicInteger scored = new AtomicInteger();
        return find(choice, some -> {
            try (SweepRun run = sweep.start(weights, examples, some)) {
                run.finishAll();
                progress.accept(scored.addAndGet(some.size()));
                return run.means();
            }
        });
    }

    /** The layer evaluations of a sweep over all boundaries. */
    public long exactLayerEvaluations() {
        return SweepBoundaries.all(numLayers).layerEvaluations();
    }

    private SortedSet<Integer> first() {
        SortedSet<Integer> first = new TreeSet<>();
        for (int boundary = 0; boundary < numLayers; boundary += every) {
            first.add(boundary);
        }
        first.add(numLayers);
        return first;
    }

    private static void add(TreeMap<Integer, double[]> columns, SortedSet<Integer> boundaries, double[][] scores) {
        int column = 0;
        for (int boundary : boundaries) {
            double[] values = new double[scores.length];
            for (int example = 0; example < values.length; example++) {
                values[example] = scores[example][column];
            }
            columns.put(boundary, values);
            column++;
        }
    }

    /** A curve whose boundaries 0, 1, … are the scored boundaries in ascending order. */
    private static BoundaryCurve curve(TreeMap<Integer, double[]> columns) {
        int examples = columns.firstEntry().getValue().length;
        CurveStatistics statistics = CurveStatistics.empty(columns.size() - 1);
        for (int i = 0; i < examples; i++) {
            int example = i;
            statistics = statistics.plus(new ExampleScore(
                    1, columns.values().stream().map(values -> values[example]).toList()));
        }
        return statistics.curve();
    }

    private static SortedSet<Integer> midpoints(TreeMap<Integer, double[]> columns, List<Integer> around) {
        SortedSet<Integer> midpoints = new TreeSet<>();
        for (int boundary : around) {
            for (Integer neighbour : new Integer[] {columns.lowerKey(boundary), columns.higherKey(boundary)}) {
                if (neighbour != null && Math.abs(neighbour - boundary) > 1) {
                    midpoints.add((neighbour + boundary) / 2);
                }
            }
        }
        return midpoints;
    }
}
