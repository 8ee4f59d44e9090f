package io.tidemark.calibration;

import io.tidemark.boundary.Boundary;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedSet;
import java.util.SplittableRandom;

/**
 * How often a {@link CoarseSearch} finds what the sweep over all boundaries does, over sets of examples drawn with
 * replacement from those that were scored (the bootstrap, Efron 1979).
 *
 * @param trials            sets drawn
 * @param exact             how many led to the same boundary
 * @param withinOne         how many led to it or a neighbour
 * @param meanLoss          nats per token that the found boundary is below the exact one, on average; negative when above
 * @param meanBoundaries    boundaries that were scored, on average
 * @param meanShare         layer evaluations over those of the sweep, on average
 */
public record SearchTrial(
        int trials, int exact, int withinOne, double meanLoss, double meanBoundaries, double meanShare) {

    /**
     * Draws the sets and searches each.
     *
     * @param scores of all examples at all boundaries
     * @param draws  how many sets, 1 or more
     */
    public static SearchTrial of(List<ExampleScore> scores, Objective objective, int every, int draws, long seed) {
        int layers = scores.get(0).meanLogprobByBoundary().size() - 1;
        CoarseSearch search = new CoarseSearch(layers, every);
        SplittableRandom random = new SplittableRandom(seed);
        int exact = 0;
        int withinOne = 0;
        double loss = 0;
        double boundaries = 0;
        double share = 0;
        for (int draw = 0; draw < draws; draw++) {
            List<ExampleScore> drawn = new ArrayList<>();
            for (int i = 0; i < scores.size(); i++) {
                drawn.add(scores.get(random.nextInt(scores.size())));
            }
            BoundaryCurve curve = CurveStatistics.empty(layers).plus(drawn).curve();
            Boundary right = objective.choose(curve);
            CoarseSearch.Found found = search.find(objective, some -> columns(drawn, some));
            int distance = Math.abs(right.layers() - found.boundary().layers());
            exact += distance == 0 ? 1 : 0;
            withinOne += distance <= 1 ? 1 : 0;
            loss += curve.loss(found.boundary(), right);
            boundaries += found.scored().size();
            share += (double) found.layerEvaluations() / search.exactLayerEvaluations();
        }
        return new SearchTrial(draws, exact, withinOne, loss / draws, boundaries / draws, share / draws);
    }

    private static double[][] columns(List<ExampleScore> scores, SortedSet<Integer> boundaries) {
        return scores.stream()
                .map(score -> boundaries.stream()
                        .mapToDouble(score.meanLogprobByBoundary()::get)
                        .toArray())
                .toArray(double[][]::new);
    }
}
