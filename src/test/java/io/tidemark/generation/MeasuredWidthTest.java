package io.tidemark.generation;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.generation.GroupWidth.Turn;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Simulates the turns of an engine in virtual time. */
@DisplayName("The width that is chosen from measured durations")
class MeasuredWidthTest {

    private static final double SECOND = 1e9;
    private static final EngineLayout TWO = new EngineLayout(2, 1, 2, 1, false);
    private static final EngineLayout TWO_OF_A_SMALL_MODEL = new EngineLayout(2, 1, 2, 16, false);

    /** The duration of a step in milliseconds. */
    @FunctionalInterface
    private interface Model {
        double millis(InstanceGroup group, StepSize step);
    }

    /** Weights of a gigabyte: two narrow steps read them twice. Times of a model of 1.07 billion parameters. */
    private static double big(InstanceGroup group, StepSize step) {
        double prompt = step.prompt() ? 5 * (step.tokens() - step.rows()) : 0;
        return group.size() == 1 ? 46 + 7.6 * step.rows() + 1.4 * prompt : 18 + 4.9 * step.rows() + 0.75 * prompt;
    }

    /** Weights in the cache: the threads of a wide step wait for each other. Times of SmolLM2-135M. */
    private static double small(InstanceGroup group, StepSize step) {
        return group.size() == 1 ? 13 + 2 * step.rows() : 16 + 1.8 * step.rows();
    }

    /** Each thread of a wide step waits for the one whose processor another process uses, too. */
    private static Model besideABusyLoop(Model model) {
        return (group, step) -> (group.first() == 0 ? 2 : 1) * model.millis(group, step);
    }

    /** Engine threads that run turns of their groups. */
    private static final class Simulation {
        private final MeasuredWidth choice;
        private final int instances;
        private final Random random = new Random(7);
        private final int[] rows;
        private final double noise;
        private Model model;
        private double waves;
        private double wave;
        private double waveStart;
        private int promptEvery = Integer.MAX_VALUE;
        private int startEvery = Integer.MAX_VALUE;
        private final int[] steps;
        private int sliceEvery = Integer.MAX_VALUE;
        private double now;
        private int width;
        private int turns;
        private int changes;
        private double tokens;
        private final Map<Integer, Double> secondsByWidth = new HashMap<>();

        private record Running(InstanceGroup group, List<StepSize> parts, boolean slice, double start, double end) {}

        Simulation(EngineLayout layout, Model model, double noise, int... rows) {
            this.choice = new MeasuredWidth(layout);
            this.instances = layout.instances();
            this.model = model;
            this.noise = noise;
            this.rows = rows;
            this.steps = new int[instances];
            this.width = choice.start();
        }

        Simulation with(Model other) {
            model = other;
            return this;
        }

        Simulation rows(int... each) {
            System.arraycopy(each, 0, rows, 0, instances);
            return this;
        }

        /** All turns within 300 ms are slower or faster by this part, as a standard deviation. */
        Simulation waves(double deviation) {
            waves = deviation;
            return this;
        }

        /** Each turn of this number, on average, has a prompt of 40 tokens. */
        Simulation promptEvery(int stepsOfARow) {
            promptEvery = stepsOfARow;
            return this;
        }

        /** All requests start together every this number of steps, and the first five steps have prompts. */
        Simulation startEvery(int number) {
            startEvery = number;
            return this;
        }

        /** Each turn of this number, on average, has the only slice of a background task, which takes 400 ms. */
        Simulation sliceEvery(int number) {
            sliceEvery = number;
            return this;
        }

        Simulation reset() {
            tokens = 0;
            changes = 0;
            secondsByWidth.clear();
            return this;
        }

        /** Rows per second. */
        double rate(double seconds) {
            reset().run(seconds);
            return tokens / seconds;
        }

        double shareOf(int ofWidth) {
            double sum =
                    secondsByWidth.values().stream().mapToDouble(each -> each).sum();
            return secondsByWidth.getOrDefault(ofWidth, 0.0) / sum;
        }

        Simulation run(double seconds) {
            double end = now + seconds * SECOND;
            int next = width;
            List<Running> running = new ArrayList<>();
            while (now < end) {
                if (next == width) {
                    for (InstanceGroup group : InstanceGroup.all(width, instances)) {
                        if (running.stream().noneMatch(each -> each.group().equals(group))) {
                            start(group).ifPresent(running::add);
                        }
                    }
                }
                Running first = running.stream()
                        .min(Comparator.comparingDouble(Running::end))
                        .orElseThrow();
                running.remove(first);
                now = first.end();
                tokens += first.parts().stream().mapToInt(StepSize::rows).sum();
                next = choice.next(turn(first));
                turns++;
                if (running.isEmpty() && next != width) {
                    width = next;
                    changes++;
                }
            }
            // the turns that run end
            for (Running each : running) {
                now = Math.max(now, each.end());
                next = choice.next(turn(each));
            }
            width = next;
            return this;
        }

        private Optional<Running> start(InstanceGroup group) {
            List<StepSize> parts = new ArrayList<>();
            StepSize all = StepSize.NONE;
            for (int i = group.first(); i < group.end(); i++) {
                boolean starts = startEvery < Integer.MAX_VALUE && steps[i]++ % startEvery < 5;
                boolean prompt = starts || promptEvery < Integer.MAX_VALUE && random.nextInt(promptEvery) < rows[i];
                parts.add(
                        rows[i] == 0
                                ? StepSize.NONE
                                : new StepSize(rows[i], rows[i] + (prompt ? 39 : 0), prompt, false));
                all = all.plus(parts.get(parts.size() - 1));
            }
            if (all.rows() == 0) {
                return Optional.empty();
            }
            if (now > waveStart + 0.3 * SECOND) {
                waveStart = now;
                wave = waves * random.nextGaussian();
            }
            double nanos = 1e6 * model.millis(group, all) * (1 + noise * random.nextGaussian()) * Math.exp(wave);
            boolean slice = sliceEvery < Integer.MAX_VALUE && random.nextInt(sliceEvery) == 0;
            double end = now + Math.max(1000, nanos) + (slice ? 0.4 * SECOND : 0);
            return Optional.of(new Running(group, parts, slice, now, end));
        }

        private Turn turn(Running ended) {
            double processors = (double) ended.group().size() / instances;
            secondsByWidth.merge(width, processors * (ended.end() - ended.start()) / SECOND, Double::sum);
            List<InstanceWork> work = ended.parts().stream()
                    .map(part -> new InstanceWork(part, ended.slice(), false, part.rows() > 0))
                    .toList();
            return new Turn(width, ended.group(), work, 0, (long) (ended.end() - ended.start()), (long) ended.end());
        }
    }

    @Test
    @DisplayName("A big model runs joint steps at 8 rows, single steps at 32, and joint ones again at 8")
    void bigModel() {
        Model model = (group, step) -> big(group, step) + (group.size() > 1 && step.rows() > 20 ? 60 : 0);
        Simulation engine = new Simulation(TWO, model, 0.03, 4, 4);
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
            Simulation engine = new Simulation(TWO_OF_A_SMALL_MODEL, MeasuredWidthTest::small, 0.03, rows, rows);
            double best = 2 * rows / (small(new InstanceGroup(0, 1), new StepSize(rows, rows, false, false)) / 1000);
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
        Simulation few = new Simulation(TWO, model, 0.03, 4, 4).promptEvery(400);
        few.run(20).reset().run(60);
        assertThat(few.shareOf(2)).isGreaterThan(0.9);
        Simulation many = new Simulation(TWO, model, 0.03, 4, 4).promptEvery(8);
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
        Simulation engine = new Simulation(TWO, fewer, 0.02, 16, 16).startEvery(69);
        engine.run(300).reset().run(1200);
        assertThat(engine.shareOf(1)).as("7% slower in joint steps").isGreaterThan(0.9);
        Model more = (group, step) ->
                group.size() == 1 ? narrow.millis(group, step) : 95 + 8.3 * (step.tokens() - step.rows());
        Simulation other = new Simulation(TWO, more, 0.02, 16, 16).startEvery(69);
        other.run(300).reset().run(1200);
        assertThat(other.shareOf(2)).as("8% faster in joint steps").isGreaterThan(0.9);
    }

    @Test
    @DisplayName("When another process uses a processor, the width changes within seconds, and back when it has ended")
    void busyNeighbour() {
        Model quiet = MeasuredWidthTest::big;
        Simulation engine = new Simulation(TWO, quiet, 0.05, 4, 4);
        engine.run(120).reset().run(30);
        assertThat(engine.shareOf(2)).isGreaterThan(0.95);
        engine.with(besideABusyLoop(quiet)).run(6).reset().run(30);
        assertThat(engine.shareOf(1)).isGreaterThan(0.7);
        engine.run(30).reset().run(60);
        assertThat(engine.shareOf(1)).isGreaterThan(0.9);
        engine.with(quiet).run(6).reset().run(30);
        assertThat(engine.shareOf(2)).isGreaterThan(0.9);
    }

    @Test
    @DisplayName("A process that comes and goes every five seconds costs one short trial each time it goes")
    void comesAndGoes() {
        Simulation engine = new Simulation(TWO_OF_A_SMALL_MODEL, MeasuredWidthTest::small, 0.03, 4, 4);
        engine.run(300).reset();
        Model busy = (group, step) -> group.size() == 1 ? 2.5 * small(group, step) : 600;
        for (int i = 0; i < 20; i++) {
            engine.with(busy).run(5).with(MeasuredWidthTest::small).run(5);
        }
        // each trial changes the width twice
        assertThat(engine.changes).isBetween(2 * 18, 2 * 24);
        assertThat(engine.shareOf(1)).isGreaterThan(0.97);
    }

    @Test
    @DisplayName("A process that works for one or two seconds at a time, with pauses, causes few trials")
    void bursts() {
        Simulation engine = new Simulation(TWO_OF_A_SMALL_MODEL, MeasuredWidthTest::small, 0.03, 4, 4);
        engine.run(300);
        Model busy = (group, step) -> group.size() == 1 ? 2.5 * small(group, step) : 600;
        for (int i = 0; i < 100; i++) {
            if (i == 25) {
                engine.reset();
            }
            engine.with(busy)
                    .run(1.2 + 0.02 * (i % 40))
                    .with(MeasuredWidthTest::small)
                    .run(1.2 + 0.05 * (i % 16));
        }
        assertThat(engine.shareOf(1)).isGreaterThan(0.97);
    }

    @Test
    @DisplayName("Where joint steps take a second, single steps follow within seconds, and trials stay short")
    void farSlower() {
        Model crowded = (group, step) -> group.size() == 1 ? 130 : 1100;
        Simulation engine = new Simulation(TWO, crowded, 0.1, 4, 4);
        engine.run(6).reset().run(60);
        assertThat(engine.shareOf(1)).as("first").isGreaterThan(0.75);
        engine.reset().run(300);
        assertThat(engine.shareOf(1)).isGreaterThan(0.94);
        engine = new Simulation(TWO_OF_A_SMALL_MODEL, (group, step) -> group.size() == 1 ? 20 : 1600, 0.1, 4, 4);
        assertThat(engine.rate(600)).isGreaterThan(0.98 * 400);
        engine = new Simulation(TWO_OF_A_SMALL_MODEL, (group, step) -> group.size() == 1 ? 20 : 100, 0.03, 4, 4);
        engine.run(300).reset().run(600);
        assertThat(engine.changes).as("two for each trial").isLessThanOrEqualTo(10);
        engine = new Simulation(TWO, MeasuredWidthTest::big, 0.1, 4, 4);
        engine.run(60).with(crowded).run(6).reset().run(60);
        assertThat(engine.shareOf(1)).isGreaterThan(0.75);
    }

    @Test
    @DisplayName("Durations that vary by a tenth do not make the width flap, and equal widths cost almost nothing")
    void noise() {
        Simulation clear = new Simulation(TWO, MeasuredWidthTest::big, 0.1, 4, 4);
        clear.run(20).reset().run(600);
        assertThat(clear.shareOf(2)).isGreaterThan(0.95);
        assertThat(clear.changes).isLessThan(60);
        Model equal = (group, step) -> group.size() == 1 ? 40 + 5 * step.rows() : 40 + 2.5 * step.rows();
        Simulation same = new Simulation(TWO, equal, 0.1, 4, 4);
        same.run(20);
        assertThat(same.rate(600)).isGreaterThan(0.985 * 8 / 0.060);
        assertThat(same.changes).isLessThan(150);
    }

    @Test
    @DisplayName("Turns that take four times as long, one in ten, do not make the slower width look faster")
    void delayedTurns() {
        Random random = new Random(3);
        Model model = (group, step) -> (random.nextInt(10) == 0 ? 4 : 1) * (group.size() == 1 ? 20 : 21);
        Simulation engine = new Simulation(TWO_OF_A_SMALL_MODEL, model, 0.03, 4, 4);
        engine.run(30).reset().run(900);
        assertThat(engine.shareOf(1)).isGreaterThan(0.97);
    }

    @Test
    @DisplayName(
            "The width of the layout comes back when it is a little faster, but a little slower does not change it")
    void widthOfLayout() {
        Model slower = (group, step) -> group.size() == 1 ? 20.3 : 20;
        Simulation engine = new Simulation(TWO_OF_A_SMALL_MODEL, slower, 0.01, 4, 4);
        engine.run(30).reset().run(300);
        assertThat(engine.shareOf(1)).isGreaterThan(0.97);
        engine.with((group, step) -> group.size() == 1 ? 30 : 20)
                .run(30)
                .reset()
                .run(60);
        assertThat(engine.shareOf(2)).isGreaterThan(0.9);
        engine.with((group, step) -> group.size() == 1 ? 19.7 : 20)
                .run(90)
                .reset()
                .run(300);
        assertThat(engine.shareOf(1)).isGreaterThan(0.95);
    }

    @Test
    @DisplayName("A large model starts with narrow groups where they have many rows, and a tie stays so")
    void enoughRows() {
        Model tie = (group, step) -> 20;
        for (int rows : List.of(14, 16)) {
            Simulation narrow = new Simulation(TWO, tie, 0.01, rows, rows).run(300);
            assertThat(narrow.shareOf(1)).as(rows + " rows").isGreaterThan(0.9);
        }
        Simulation wide = new Simulation(TWO, tie, 0.01, 11, 11).run(300);
        assertThat(wide.shareOf(2)).isGreaterThan(0.9);
        Simulation four = new Simulation(new EngineLayout(4, 1, 4, 1, false), tie, 0.01, 7, 7, 7, 7).run(300);
        assertThat(four.shareOf(2)).isGreaterThan(0.9);
    }

    @Test
    @DisplayName("Many rows of a large model run in wide groups where these are measured to be faster")
    void wideInSpiteOfEnoughRows() {
        Simulation engine = new Simulation(TWO, (group, step) -> group.size() == 1 ? 21.5 : 20, 0.01, 16, 16);
        engine.run(30).reset().run(300);
        assertThat(engine.shareOf(2)).isGreaterThan(0.9);
    }

    @Test
    @DisplayName("A machine whose speed varies for parts of a second does not cause trials, nor wrong decisions")
    void waves() {
        for (int rows : List.of(1, 4, 8)) {
            Simulation engine = new Simulation(TWO_OF_A_SMALL_MODEL, MeasuredWidthTest::small, 0.1, rows, rows);
            engine.waves(0.15).run(30).reset().run(600);
            assertThat(engine.shareOf(1)).as(rows + " rows").isGreaterThan(0.97);
        }
    }

    @Test
    @DisplayName("A process that is stopped during a trial tries again within minutes")
    void stoppedDuringATrial() {
        Model small = MeasuredWidthTest::small;
        Simulation engine = new Simulation(TWO_OF_A_SMALL_MODEL, small, 0.03, 4, 4);
        engine.run(20);
        while (engine.width == 1) {
            engine.run(0.001);
        }
        engine.with((group, step) -> 1e6).run(0.001);
        engine.with((group, step) -> group.size() == 1 ? small.millis(group, step) : 10)
                .run(650)
                .reset()
                .run(60);
        assertThat(engine.shareOf(2)).isGreaterThan(0.9);
    }

    @Test
    @DisplayName("Of several widths the best one is found")
    void severalWidths() {
        double[] millis = {0, 60, 40, 0, 50};
        Model model = (group, step) -> millis[group.size()] * group.size() * (1 + step.rows() / 20.0) / 2;
        Simulation engine = new Simulation(new EngineLayout(4, 1, 4, 1, false), model, 0.03, 2, 2, 2, 2);
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
        Model model = (group, step) -> big(group, step) + (group.size() > 1 && step.rows() > 20 ? 60 : 0);
        Simulation engine = new Simulation(TWO, model, 0.03, 4, 4);
        engine.run(60);
        engine.rows(16, 16).run(60);
        MeasuredWidth width = engine.choice;
        Turn idle = new Turn(2, new InstanceGroup(0, 2), List.of(InstanceWork.NONE, InstanceWork.NONE), 0, 1000, 0);
        assertThat(width.next(idle)).isEqualTo(2);
        assertThat(width.next(startable(idle, 8))).isEqualTo(2);
        assertThat(width.next(startable(idle, 32))).isEqualTo(1);
    }

    @Test
    @DisplayName("Requests that start with the next steps count as rows")
    void startingRequests() {
        InstanceWork work = new InstanceWork(new StepSize(4, 4, false, false), false, false, true);
        Turn turn = new Turn(2, new InstanceGroup(0, 2), List.of(work, work), 0, 1000, 1000);
        assertThat(new MeasuredWidth(TWO).next(turn)).isEqualTo(2);
        assertThat(new MeasuredWidth(TWO).next(startable(turn, 14))).isEqualTo(2);
        assertThat(new MeasuredWidth(TWO).next(startable(turn, 24))).isEqualTo(1);
    }

    private static Turn startable(Turn turn, int requests) {
        return new Turn(turn.width(), turn.group(), turn.work(), requests, turn.nanos(), turn.endNanos());
    }

    @Test
    @DisplayName("Joint steps that begin to take fourteen times as long are left within two seconds")
    void collapse() {
        Simulation engine =
                new Simulation(TWO_OF_A_SMALL_MODEL, (group, step) -> group.size() == 1 ? 20 : 17, 0.03, 4, 4);
        engine.run(60).reset().run(10);
        assertThat(engine.shareOf(2)).isGreaterThan(0.9);
        engine.with((group, step) -> group.size() == 1 ? 30 : 240)
                .run(1.6)
                .reset()
                .run(5);
        assertThat(engine.shareOf(1)).isGreaterThan(0.95);
    }

    @Test
    @DisplayName("Of several widths the next smaller one follows when steps become far slower")
    void collapseOfSeveral() {
        EngineLayout four = new EngineLayout(4, 1, 4, 16, false);
        for (double seconds : List.of(60.0, 70.0, 80.0, 90.0, 100.0, 110.0)) {
            Simulation engine = new Simulation(
                    four, (group, step) -> List.of(20, 14, 0, 20).get(group.size() - 1), 0.03, 4, 4, 4, 4);
            engine.run(seconds).reset().run(5);
            assertThat(engine.shareOf(2)).isGreaterThan(0.8);
            engine.with((group, step) -> List.of(30, 300, 0, 3000).get(group.size() - 1))
                    .run(2.5)
                    .reset()
                    .run(5);
            assertThat(engine.shareOf(1)).as("after %.0f s", seconds).isGreaterThan(0.9);
        }
    }

    @Test
    @DisplayName("A neighbour that begins during a trial is noticed within seconds")
    void neighbourDuringATrial() {
        Model quiet = MeasuredWidthTest::big;
        Simulation engine = new Simulation(TWO, quiet, 0.03, 4, 4);
        engine.run(300);
        while (engine.width == 2) {
            engine.run(0.001);
        }
        engine.with(besideABusyLoop(quiet)).run(8).reset().run(15);
        assertThat(engine.shareOf(1)).isGreaterThan(0.7);
    }

    @Test
    @DisplayName("If all steps have prompts, a change is found after a minute or two, although no duration shows it")
    void changeWithPrompts() {
        Simulation engine = new Simulation(TWO, (group, step) -> group.size() == 1 ? 300 : 250, 0.03, 4, 4);
        engine.promptEvery(1).run(600).reset().run(60);
        assertThat(engine.shareOf(2)).isGreaterThan(0.9);
        engine.with((group, step) -> group.size() == 1 ? 300 : 900)
                .run(100)
                .reset()
                .run(60);
        assertThat(engine.shareOf(1)).isGreaterThan(0.9);
    }

    @Test
    @DisplayName("Turns of several seconds are compared, too")
    void longTurns() {
        Simulation engine =
                new Simulation(TWO_OF_A_SMALL_MODEL, (group, step) -> group.size() == 1 ? 3000 : 4200, 0.03, 4, 4);
        engine.run(600);
        engine.with((group, step) -> group.size() == 1 ? 3000 : 2300)
                .run(600)
                .reset()
                .run(300);
        assertThat(engine.shareOf(2)).isGreaterThan(0.9);
        engine = new Simulation(TWO_OF_A_SMALL_MODEL, (group, step) -> group.size() == 1 ? 3000 : 2300, 0.03, 4, 4);
        engine.run(300).reset().run(300);
        assertThat(engine.shareOf(2)).isGreaterThan(0.9);
    }

    @Test
    @DisplayName("A turn with the last slice of a background task does not count as a slow turn of its width")
    void slices() {
        Simulation engine =
                new Simulation(TWO_OF_A_SMALL_MODEL, (group, step) -> group.size() == 1 ? 20 : 30, 0.03, 4, 4);
        engine.sliceEvery(8).run(20).reset().run(120);
        assertThat(engine.shareOf(1)).isGreaterThan(0.9);
    }

    @Test
    @DisplayName("A lost trial with many rows does not delay the first trial with few rows")
    void classesAreSeparate() {
        Simulation engine = new Simulation(
                TWO_OF_A_SMALL_MODEL,
                (group, step) -> group.size() == 1 ? 100 : step.rows() > 4 ? 380 : 20,
                0.03,
                4,
                4);
        engine.run(20).rows(1, 1).run(5).reset().run(10);
        assertThat(engine.shareOf(2)).isGreaterThan(0.9);
    }
}
