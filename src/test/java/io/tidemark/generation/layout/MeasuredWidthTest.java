package io.tidemark.generation.layout;

import static io.tidemark.generation.layout.SimulatedEngine.TWO;
import static io.tidemark.generation.layout.SimulatedEngine.TWO_OF_A_SMALL_MODEL;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.generation.layout.GroupWidth.Turn;
import io.tidemark.generation.layout.SimulatedEngine.Model;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("The width that is chosen from measured durations")
class MeasuredWidthTest {

    @Test
    @DisplayName("A big model runs joint steps at 8 rows, single steps at 32, and joint ones again at 8")
    void bigModel() {
        Model model =
                (group, step) -> SimulatedEngine.big(group, step) + (group.size() > 1 && step.rows() > 20 ? 60 : 0);
        SimulatedEngine engine = new SimulatedEngine(TWO, model, 0.03, 4, 4);
        engine.run(10).reset().run(60);
        assertThat(engine.shareOf(2)).isGreaterThan(0.95);
        engine.rows(16, 16).run(15).reset().run(60);
        assertThat(engine.shareOf(1)).isGreaterThan(0.9);
        engine.rows(4, 4).run(2).reset().run(60);
        assertThat(engine.shareOf(2)).isGreaterThan(0.95);
    }

    @Test
    @DisplayName("A small model runs single steps from 2 to 32 rows, and trials cost less than a hundredth")
    void smallModel() {
        for (int rows : List.of(1, 2, 4, 8, 16)) {
            SimulatedEngine engine =
                    new SimulatedEngine(TWO_OF_A_SMALL_MODEL, SimulatedEngine::small, 0.03, rows, rows);
            double best = 2
                    * rows
                    / (SimulatedEngine.small(new InstanceGroup(0, 1), new StepSize(rows, rows, false, false)) / 1000);
            assertThat(engine.rate(120)).as(rows + " rows").isGreaterThan(0.985 * best);
            assertThat(engine.rate(120)).as(rows + " rows").isGreaterThan(0.99 * best);
        }
    }

    @Test
    @DisplayName("Prompts count in the proportion in which they occur")
    void prompts() {
        // joint steps are faster without prompts, and slower with prompts
        Model model = (group, step) -> group.size() == 1
                ? 20 + 2 * step.rows() + (step.prompt() ? 40 : 0)
                : 8 + 2 * step.rows() + (step.prompt() ? 80 : 0);
        SimulatedEngine few = new SimulatedEngine(TWO, model, 0.03, 4, 4).promptEvery(400);
        few.run(20).reset().run(60);
        assertThat(few.shareOf(2)).isGreaterThan(0.9);
        SimulatedEngine many = new SimulatedEngine(TWO, model, 0.03, 4, 4).promptEvery(8);
        many.run(20).reset().run(60);
        assertThat(many.shareOf(1)).isGreaterThan(0.9);
    }

    @Test
    @DisplayName("Prompts count although most trials have none, because the requests start together")
    void promptsOfASet() {
        // a set of 69 steps takes 10.5 s in narrow groups, with a third of the time for prompts
        Model narrow = (group, step) -> 110 + 15 * (step.tokens() - step.rows());
        Model fewer = (group, step) ->
                group.size() == 1 ? narrow.millis(group, step) : 105 + 10.5 * (step.tokens() - step.rows());
        SimulatedEngine engine = new SimulatedEngine(TWO, fewer, 0.02, 16, 16).startEvery(69);
        engine.run(300).reset().run(1200);
        assertThat(engine.shareOf(1)).as("7% slower in joint steps").isGreaterThan(0.9);
        Model more = (group, step) ->
                group.size() == 1 ? narrow.millis(group, step) : 91 + 8.1 * (step.tokens() - step.rows());
        SimulatedEngine other = new SimulatedEngine(TWO, more, 0.02, 16, 16).startEvery(69);
        other.run(300).reset().run(1200);
        assertThat(other.shareOf(2)).as("11% faster in joint steps").isGreaterThan(0.9);
    }

    @Test
    @DisplayName("A wide width is found although its turns become faster only a while after a change")
    void settling() {
        Model wideIsFaster = (group, step) -> group.size() == 1 ? 7.2 : 6.4;
        SimulatedEngine engine = new SimulatedEngine(TWO_OF_A_SMALL_MODEL, wideIsFaster, 0.02, 1, 1).settling(0.25);
        engine.run(10).reset().run(60);
        assertThat(engine.shareOf(2)).isGreaterThan(0.95);
    }

    @Test
    @DisplayName("Durations that vary by a tenth do not make the width flap, and equal widths cost almost nothing")
    void noise() {
        SimulatedEngine clear = new SimulatedEngine(TWO, SimulatedEngine::big, 0.1, 4, 4);
        clear.run(20).reset().run(600);
        assertThat(clear.shareOf(2)).isGreaterThan(0.95);
        assertThat(clear.changes()).isLessThan(60);
        Model equal = (group, step) -> group.size() == 1 ? 40 + 5 * step.rows() : 40 + 2.5 * step.rows();
        SimulatedEngine same = new SimulatedEngine(TWO, equal, 0.1, 4, 4);
        same.run(20);
        assertThat(same.rate(600)).isGreaterThan(0.985 * 8 / 0.060);
        assertThat(same.changes()).isLessThan(200);
    }

    @Test
    @DisplayName("A width above that of the layout is used if it is 5% faster, and left when it is slower")
    void widthOfLayout() {
        SimulatedEngine engine = new SimulatedEngine(TWO_OF_A_SMALL_MODEL, joint(20), 0.01, 4, 4);
        assertThat(engine.run(30).reset().run(300).shareOf(1)).as("equal").isGreaterThan(0.9);
        engine.with(joint(20 / 1.05)).run(180).reset().run(300);
        assertThat(engine.shareOf(2)).as("5% faster").isGreaterThan(0.9);
        engine.with(joint(20 / 1.02)).run(180).reset().run(300);
        assertThat(engine.shareOf(2)).as("2% faster").isGreaterThan(0.9);
        engine.with(joint(20 * 1.01)).run(180).reset().run(300);
        assertThat(engine.shareOf(1)).as("1% slower").isGreaterThan(0.95);
    }

    @ParameterizedTest(name = "usual joint turns are {0} times as fast")
    @ValueSource(doubles = {1.09, 1.16})
    @DisplayName("Delays of one joint turn in ten, which medians hide, are measured and decide which width is used")
    void delays(double gain) {
        Random random = new Random(3);
        Model delayed = (group, step) ->
                joint(20 / gain).millis(group, step) * (group.size() > 1 && random.nextInt(10) == 0 ? 2 : 1);
        SimulatedEngine engine = new SimulatedEngine(TWO_OF_A_SMALL_MODEL, delayed, 0.01, 4, 4);
        engine.run(180).reset().run(600);
        assertThat(engine.shareOf(gain > 1.1 ? 2 : 1)).isGreaterThan(0.8);
    }

    /** Narrow turns take 20 ms. */
    private static Model joint(double millis) {
        return (group, step) -> group.size() == 1 ? 20 : millis;
    }

    @Test
    @DisplayName("A large model starts with narrow groups where they have many rows, and equal widths do not change it")
    void enoughRows() {
        Model tie = (group, step) -> 20;
        for (int rows : List.of(14, 16)) {
            SimulatedEngine narrow = new SimulatedEngine(TWO, tie, 0.01, rows, rows).run(300);
            assertThat(narrow.shareOf(1)).as(rows + " rows").isGreaterThan(0.9);
        }
        SimulatedEngine wide = new SimulatedEngine(TWO, tie, 0.01, 11, 11).run(300);
        assertThat(wide.shareOf(2)).isGreaterThan(0.9);
        SimulatedEngine four = new SimulatedEngine(new EngineLayout(4, 1, 4, 1, false), tie, 0.01, 7, 7, 7, 7).run(300);
        assertThat(four.shareOf(2)).isGreaterThan(0.9);
    }

    @Test
    @DisplayName("Many rows of a large model run in wide groups where these are measured to be faster")
    void wideInSpiteOfEnoughRows() {
        SimulatedEngine engine = new SimulatedEngine(TWO, (group, step) -> group.size() == 1 ? 22 : 20, 0.01, 16, 16);
        engine.run(30).reset().run(300);
        assertThat(engine.shareOf(2)).isGreaterThan(0.9);
    }

    @Test
    @DisplayName(
            "The largest of three widths is used if it is 6% faster than the next one, and no width that is 2% faster")
    void severalWidthsAboveLayout() {
        EngineLayout four = new EngineLayout(4, 1, 4, 16, false);
        Map<List<Double>, Integer> widths =
                Map.of(List.of(1.02, 1.02), 1, List.of(1.15, 1.02), 2, List.of(1.15, 1.06), 4);
        widths.forEach((gains, width) -> {
            double[] millis = {0, 20, 20 / gains.get(0), 0, 20 / gains.get(0) / gains.get(1)};
            SimulatedEngine engine = new SimulatedEngine(four, (group, step) -> millis[group.size()], 0.01, 4, 4, 4, 4);
            engine.run(180).reset().run(300);
            assertThat(engine.shareOf(width)).as("gains " + gains).isGreaterThan(0.9);
        });
    }

    @Test
    @DisplayName("Of several widths the best one is found")
    void severalWidths() {
        double[] millis = {0, 60, 40, 0, 50};
        Model model = (group, step) -> millis[group.size()] * group.size() * (1 + step.rows() / 20.0) / 2;
        SimulatedEngine engine = new SimulatedEngine(new EngineLayout(4, 1, 4, 1, false), model, 0.03, 2, 2, 2, 2);
        engine.run(30).reset().run(60);
        double[] rate = new double[5];
        for (int width : List.of(1, 2, 4)) {
            rate[width] = 8 / (millis[width] * width * (1 + 2 * width / 20.0) / 2);
        }
        int best = Arrays.stream(new int[] {1, 2, 4})
                .boxed()
                .max(Comparator.comparingDouble(width -> rate[width]))
                .orElseThrow();
        assertThat(engine.shareOf(best)).as(Arrays.toString(rate)).isGreaterThan(0.9);
    }

    @Test
    @DisplayName("Requests that start on an idle engine have the width that is preferred for their number")
    void startFromIdle() {
        Model model =
                (group, step) -> SimulatedEngine.big(group, step) + (group.size() > 1 && step.rows() > 20 ? 60 : 0);
        SimulatedEngine engine = new SimulatedEngine(TWO, model, 0.03, 4, 4);
        engine.run(60);
        engine.rows(16, 16).run(60);
        MeasuredWidth width = engine.choice();
        Turn idle =
                new Turn(2, new InstanceGroup(0, 2), List.of(InstanceWork.NONE, InstanceWork.NONE), false, 0, 1000, 0);
        assertThat(width.next(idle)).isEqualTo(2);
        assertThat(width.next(startable(idle, 8))).isEqualTo(2);
        assertThat(width.next(startable(idle, 32))).isEqualTo(1);
        assertThat(width.next(started(idle.group(), 4)))
                .as("for 8 rows, after 32")
                .isEqualTo(2);
        assertThat(width.next(started(idle.group(), 16))).isEqualTo(1);
    }

    @Test
    @DisplayName("Requests that start with the next steps count as rows")
    void startingRequests() {
        InstanceWork work = new InstanceWork(new StepSize(4, 4, false, false), 0, false, false, false, true);
        Turn turn = new Turn(2, new InstanceGroup(0, 2), List.of(work, work), false, 0, 1000, 1000);
        assertThat(new MeasuredWidth(TWO).next(turn)).isEqualTo(2);
        assertThat(new MeasuredWidth(TWO).next(startable(turn, 14))).isEqualTo(2);
        assertThat(new MeasuredWidth(TWO).next(startable(turn, 24))).isEqualTo(1);
    }

    /** A turn that has started this number of sequences in each of two instances, and had no step. */
    private static Turn started(InstanceGroup group, int sequences) {
        InstanceWork work = new InstanceWork(StepSize.NONE, sequences, false, false, false, true);
        return new Turn(2, group, List.of(work, work), false, 0, 1000, 0);
    }

    private static Turn startable(Turn turn, int requests) {
        return new Turn(turn.width(), turn.group(), turn.work(), false, requests, turn.nanos(), turn.endNanos());
    }

    @Test
    @DisplayName("Turns of several seconds are compared, too")
    void longTurns() {
        SimulatedEngine engine =
                new SimulatedEngine(TWO_OF_A_SMALL_MODEL, (group, step) -> group.size() == 1 ? 3000 : 4200, 0.03, 4, 4);
        engine.run(600);
        engine.with((group, step) -> group.size() == 1 ? 3000 : 2300)
                .run(600)
                .reset()
                .run(300);
        assertThat(engine.shareOf(2)).isGreaterThan(0.9);
        engine =
                new SimulatedEngine(TWO_OF_A_SMALL_MODEL, (group, step) -> group.size() == 1 ? 3000 : 2300, 0.03, 4, 4);
        engine.run(300).reset().run(300);
        assertThat(engine.shareOf(2)).isGreaterThan(0.9);
    }

    @Test
    @DisplayName("A turn with the last slice of a background task does not count as a slow turn of its width")
    void slices() {
        SimulatedEngine engine =
                new SimulatedEngine(TWO_OF_A_SMALL_MODEL, (group, step) -> group.size() == 1 ? 20 : 30, 0.03, 4, 4);
        engine.sliceEvery(8).run(20).reset().run(120);
        assertThat(engine.shareOf(1)).isGreaterThan(0.9);
    }

    @Test
    @DisplayName("A lost trial with many rows does not delay the first trial with few rows")
    void classesAreSeparate() {
        SimulatedEngine engine = new SimulatedEngine(
                TWO_OF_A_SMALL_MODEL,
                (group, step) -> group.size() == 1 ? 100 : step.rows() > 4 ? 380 : 20,
                0.03,
                4,
                4);
        engine.run(20).rows(1, 1).run(5).reset().run(10);
        assertThat(engine.shareOf(2)).isGreaterThan(0.9);
    }
}
