package io.tidemark.calibration;

import io.tidemark.boundary.Boundary;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.NavigableMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;

/**
 * Looks for the boundary that an objective would choose, at a few boundaries only: every {@code every}-th and L first,
 * then the middles of the gaps around the best and the chosen one, until both have neighbours on either side. It finds the
 * exact answer where the curve has one peak that the first boundaries don't hide; it can't know whether it has.
 */
public final class CoarseSearch {

    private final int numLayers;
    private final int every;

    /**
     * What was found.
     *
     * @param boundary         the objective's choice among the boundaries that were scored
     * @param scored           mean log-probability in nats at each of them
     * @param layerEvaluations how often a layer was applied to a state of a batch
     */
    public record Found(Boundary boundary, NavigableMap<Integer, Double> scored, long layerEvaluations) {}

    /** @param every distance of the first boundaries, 1 or more */
    public CoarseSearch(int numLayers, int every) {
        if (every < 1) {
            throw new IllegalArgumentException("the distance of the first boundaries must be 1 or more: " + every);
        }
        this.numLayers = numLayers;
        this.every = every;
    }

    /** @param score gives the examples' mean log-probabilities {@code [examples][boundaries]} at some boundaries, by rising boundary */
    public Found find(Objective objective, Function<SortedSet<Integer>, double[][]> score) {
        TreeMap<Integer, double[]> columns = new TreeMap<>();
        SortedSet<Integer> next = first();
        long evaluations = 0;
        int chosen = numLayers;
        while (!next.isEmpty()) {
            evaluations += new SweepBoundaries(numLayers, next).layerEvaluations();
            add(columns, next, score.apply(next));
            List<Integer> known = new ArrayList<>(columns.keySet());
            BoundaryCurve curve = curve(columns);
            chosen = known.get(objective.choose(curve).layers());
            next = middles(columns, List.of(chosen, known.get(curve.best().layers())));
        }
        NavigableMap<Integer, Double> means = new TreeMap<>();
        columns.forEach((boundary, values) ->
                means.put(boundary, Arrays.stream(values).average().orElseThrow()));
        return new Found(new Boundary(chosen), means, evaluations);
    }

    /** What an exact sweep takes. */
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

    /** The curve over the boundaries that are known, as if there were no others. */
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

    private static SortedSet<Integer> middles(TreeMap<Integer, double[]> columns, List<Integer> around) {
        SortedSet<Integer> middles = new TreeSet<>();
        for (int boundary : around) {
            for (Integer neighbour : new Integer[] {columns.lowerKey(boundary), columns.higherKey(boundary)}) {
                if (neighbour != null && Math.abs(neighbour - boundary) > 1) {
                    middles.add((neighbour + boundary) / 2);
                }
            }
        }
        return middles;
    }
}
