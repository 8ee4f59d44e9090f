package io.tidemark.calibration.search;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.tidemark.boundary.Boundary;
import io.tidemark.calibration.curve.CurveChoice;
import io.tidemark.calibration.curve.CurveStatistics;
import io.tidemark.calibration.curve.ExampleScore;
import io.tidemark.calibration.sweep.BoundarySweep;
import io.tidemark.calibration.sweep.ExampleBatch;
import io.tidemark.calibration.sweep.SweepBoundaries;
import io.tidemark.calibration.sweep.SweepLimits;
import io.tidemark.calibration.sweep.SweepRun;
import io.tidemark.calibration.sweep.TokenizedExample;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.ReferenceText;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Coarse boundary search")
class CoarseSearchTest {

    private static final int LAYERS = 30;

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 4, 5, 7, 13, 15, 22, 29, 30})
    @DisplayName("The coarse search finds a single peak and scores less than half of the boundaries")
    void findsAPeak(int peak) {
        List<ExampleScore> scores = scores(boundary -> -Math.abs(boundary - peak) / 10.0);
        for (int every : List.of(4, 5, 10)) {
            List<SortedSet<Integer>> rounds = new ArrayList<>();
            CoarseSearch.Found found = new CoarseSearch(LAYERS, every).find(CurveChoice.BEST, some -> {
                rounds.add(new TreeSet<>(some));
                return columns(scores, some);
            });
            assertThat(found.boundary()).as("every %d", every).isEqualTo(new Boundary(peak));
            assertThat(found.scored()).hasSizeLessThan(16).containsKey(peak).containsKey(LAYERS);
            assertThat(found.scored().get(peak)).isCloseTo(0, within(1e-12));
            assertThat(rounds.stream().mapToInt(SortedSet::size).sum())
                    .as("each boundary is scored once")
                    .isEqualTo(found.scored().size());
        }
    }

    @Test
    @DisplayName("The coarse search misses a narrow peak between the first boundaries, and the trial reports it")
    void missesANarrowPeak() {
        List<ExampleScore> scores = scores(boundary -> boundary == 12 ? 0 : -1 + boundary / 100.0);
        assertThat(new CoarseSearch(LAYERS, 5)
                        .find(CurveChoice.BEST, some -> columns(scores, some))
                        .boundary())
                .isEqualTo(new Boundary(30));
        SearchTrial trial = SearchTrial.of(scores, CurveChoice.BEST, 5, 20, 1);
        assertThat(trial.trials()).isEqualTo(20);
        assertThat(trial.exact()).isZero();
        assertThat(trial.meanLoss()).isCloseTo(0.7, within(1e-9));
        assertThat(trial.meanShare()).isBetween(0.1, 0.6);
    }

    @Test
    @DisplayName("The coarse search is exact in every trial if it begins with all boundaries")
    void isExactWithEveryBoundary() {
        List<ExampleScore> scores = IntStream.range(0, 12)
                .mapToObj(i -> score(b -> -((i * 37 + b * 13) % 17) / 7.0))
                .toList();
        for (CurveChoice choice : CurveChoice.values()) {
            SearchTrial trial = SearchTrial.of(scores, choice, 1, 30, 7);
            assertThat(trial.exact()).isEqualTo(30);
            assertThat(trial.meanShare()).isEqualTo(1);
        }
    }

    @Test
    @DisplayName(
            "A sweep over some boundaries gives the scores of the full sweep with the predicted number of layer evaluations")
    void agreesWithTheSweep() {
        try (FixtureModel fixture = FixtureModel.load("llama-gqa")) {
            ReferenceText reference = fixture.reference("all");
            List<TokenizedExample> examples = reference.pairs().stream()
                    .map(pair -> new TokenizedExample(fixture.tokens(pair.prompt()), pair.completion()))
                    .toList();
            BoundarySweep sweep = new BoundarySweep(fixture.model(), new SweepLimits(100));
            List<ExampleScore> all =
                    sweep.start(fixture.adapter("all"), examples).finish();
            for (List<Integer> chosen :
                    List.of(List.of(0), List.of(3), List.of(6), List.of(1, 2, 5), List.of(0, 6), List.of(4, 5, 6))) {
                SweepBoundaries boundaries = new SweepBoundaries(6, new TreeSet<>(chosen));
                try (SweepRun run = sweep.start(fixture.adapter("all"), examples, chosen)) {
                    run.finishAll();
                    for (int i = 0; i < examples.size(); i++) {
                        for (int c = 0; c < chosen.size(); c++) {
                            assertThat(run.means()[i][c])
                                    .isCloseTo(
                                            all.get(i).meanLogprobByBoundary().get(chosen.get(c)), within(1e-5));
                        }
                    }
                    int batches = ExampleBatch.of(examples, 100).size();
                    assertThat(run.layerEvaluations()).isEqualTo(batches * boundaries.layerEvaluations());
                    assertThat(run.progress()).isEqualTo(1);
                }
            }
            CoarseSearch.Found found = new CoarseSearch(6, 3)
                    .find(sweep, fixture.adapter("all"), examples, CurveChoice.BEST, scored -> {});
            assertThat(found.boundary())
                    .isEqualTo(CurveChoice.BEST.of(
                            CurveStatistics.empty(6).plus(all).curve()));
        }
    }

    private static List<ExampleScore> scores(IntToDoubleFunction curve) {
        return List.of(score(curve), score(curve), score(curve));
    }

    private static ExampleScore score(IntToDoubleFunction curve) {
        return new ExampleScore(
                1, IntStream.rangeClosed(0, LAYERS).mapToDouble(curve).boxed().toList());
    }

    private static double[][] columns(List<ExampleScore> scores, SortedSet<Integer> boundaries) {
        return scores.stream()
                .map(score -> boundaries.stream()
                        .mapToDouble(score.meanLogprobByBoundary()::get)
                        .toArray())
                .toArray(double[][]::new);
    }
}
