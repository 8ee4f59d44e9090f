package io.tidemark.calibration.search;

import io.tidemark.boundary.Boundary;
import io.tidemark.calibration.curve.BoundaryCurve;
import io.tidemark.calibration.curve.CurveChoice;
import io.tidemark.calibration.curve.CurveStatistics;
import io.tidemark.calibration.curve.ExampleScore;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedSet;
import java.util.SplittableRandom;

/**
 * Compares {@link CoarseSearch} with the sweep over all boundaries, on bootstrap samples of scored examples (Efron
 * 1979).
 *
 * @param trials         number of bootstrap samples
 * @param exact          how many times the search found the boundary of the sweep
 * @param withinOne      how many times it found that boundary or a neighbour
 * @param meanLoss       mean loss of the found boundary against that of the sweep, in nats per token
 * @param meanBoundaries mean number of scored boundaries
 * @param meanShare      mean share of the layer evaluations of the sweep
 */
public record SearchTrial(
        int trials, int exact, int withinOne, double meanLoss, double meanBoundaries, double meanShare) {

    /**
     * Draws bootstrap samples and runs the search on each.
     *
     * @param scores the scores of all examples at all boundaries
     * @param draws  number of bootstrap samples, 1 or more
     */
    public static SearchTrial of(List<ExampleScore> scores, CurveChoice choice, int every, int draws, long seed) {
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
            Boundary exactChoice = choice.of(curve);
            CoarseSearch.Found found = search.find(choice, some -> columns(drawn, some));
            int distance = Math.abs(exactChoice.layers() - found.boundary().layers());
            exact += distance == 0 ? 1 : 0;
            withinOne += distance <= 1 ? 1 : 0;
            loss += curve.loss(found.boundary(), exactChoice);
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
