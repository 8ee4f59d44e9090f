package io.tidemark.generation.layout;

import static io.tidemark.generation.layout.SimulatedEngine.TWO;
import static io.tidemark.generation.layout.SimulatedEngine.TWO_OF_A_SMALL_MODEL;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.generation.layout.SimulatedEngine.Model;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** {@link MeasuredWidth}, while another process or the host changes how long steps take. */
@DisplayName("The width that is chosen while the durations of steps change")
class WidthChangesTest {

    @Test
    @DisplayName("When another process uses a processor, the width changes within seconds, and back when it has ended")
    void busyNeighbour() {
        Model quiet = SimulatedEngine::big;
        SimulatedEngine engine = new SimulatedEngine(TWO, quiet, 0.05, 4, 4);
        engine.run(120).reset().run(30);
        assertThat(engine.shareOf(2)).isGreaterThan(0.95);
        engine.with(SimulatedEngine.besideABusyLoop(quiet)).run(6).reset().run(30);
        assertThat(engine.shareOf(1)).isGreaterThan(0.7);
        engine.run(30).reset().run(60);
        assertThat(engine.shareOf(1)).isGreaterThan(0.9);
        engine.with(quiet).run(6).reset().run(30);
        assertThat(engine.shareOf(2)).isGreaterThan(0.9);
    }

    @Test
    @DisplayName("Joint steps that were slow for some seconds, also in a trial, are used again within 30 s")
    void slowForSomeSeconds() {
        Model usual = (group, step) -> group.size() == 1 ? 168 : 128;
        for (int joint : List.of(220, 300, 400)) {
            for (int seconds = 8; seconds <= 11; seconds++) {
                SimulatedEngine engine = new SimulatedEngine(TWO, usual, 0.03, 4, 4);
                engine.run(120).reset().run(10);
                assertThat(engine.shareOf(2)).as("before").isGreaterThan(0.9);
                engine.with((group, step) -> group.size() == 1 ? 172 : 400).run(4);
                assertThat(engine.width()).isEqualTo(1);
                engine.reset()
                        .with((group, step) -> group.size() == 1 ? 172 : joint)
                        .run(seconds);
                assertThat(engine.changes()).as("two for each trial").isGreaterThanOrEqualTo(2);
                engine.with(usual).run(30).reset().run(20);
                assertThat(engine.shareOf(2))
                        .as("%d s with %d ms", seconds, joint)
                        .isGreaterThan(0.8);
            }
        }
    }

    @Test
    @DisplayName("A process that comes and goes every five seconds costs one short trial each time it goes")
    void comesAndGoes() {
        SimulatedEngine engine = new SimulatedEngine(TWO_OF_A_SMALL_MODEL, SimulatedEngine::small, 0.03, 4, 4);
        engine.run(300).reset();
        Model busy = (group, step) -> group.size() == 1 ? 2.5 * SimulatedEngine.small(group, step) : 600;
        for (int i = 0; i < 20; i++) {
            engine.with(busy).run(5).with(SimulatedEngine::small).run(5);
        }
        // each trial changes the width twice
        assertThat(engine.changes()).isBetween(2 * 18, 2 * 24);
        assertThat(engine.shareOf(1)).isGreaterThan(0.97);
    }

    @Test
    @DisplayName("A process that works for one or two seconds at a time, with pauses, causes few trials")
    void bursts() {
        SimulatedEngine engine = new SimulatedEngine(TWO_OF_A_SMALL_MODEL, SimulatedEngine::small, 0.03, 4, 4);
        engine.run(300);
        Model busy = (group, step) -> group.size() == 1 ? 2.5 * SimulatedEngine.small(group, step) : 600;
        for (int i = 0; i < 100; i++) {
            if (i == 25) {
                engine.reset();
            }
            engine.with(busy)
                    .run(1.2 + 0.02 * (i % 40))
                    .with(SimulatedEngine::small)
                    .run(1.2 + 0.05 * (i % 16));
        }
        assertThat(engine.shareOf(1)).isGreaterThan(0.95);
    }

    @Test
    @DisplayName("Where joint steps take a second, single steps follow within seconds, and trials stay short")
    void farSlower() {
        Model crowded = (group, step) -> group.size() == 1 ? 130 : 1100;
        SimulatedEngine engine = new SimulatedEngine(TWO, crowded, 0.1, 4, 4);
        engine.run(6).reset().run(60);
        assertThat(engine.shareOf(1)).as("first").isGreaterThan(0.75);
        engine.reset().run(300);
        assertThat(engine.shareOf(1)).isGreaterThan(0.94);
        engine = new SimulatedEngine(TWO_OF_A_SMALL_MODEL, (group, step) -> group.size() == 1 ? 20 : 1600, 0.1, 4, 4);
        assertThat(engine.rate(600)).isGreaterThan(0.98 * 400);
        engine = new SimulatedEngine(TWO_OF_A_SMALL_MODEL, (group, step) -> group.size() == 1 ? 20 : 100, 0.03, 4, 4);
        engine.run(300).reset().run(600);
        assertThat(engine.changes()).as("two for each trial").isLessThanOrEqualTo(10);
        engine = new SimulatedEngine(TWO, SimulatedEngine::big, 0.1, 4, 4);
        engine.run(60).with(crowded).run(6).reset().run(60);
        assertThat(engine.shareOf(1)).isGreaterThan(0.75);
    }

    @Test
    @DisplayName("Joint steps that begin to take fourteen times as long are left within two seconds")
    void collapse() {
        SimulatedEngine engine =
                new SimulatedEngine(TWO_OF_A_SMALL_MODEL, (group, step) -> group.size() == 1 ? 20 : 17, 0.03, 4, 4);
        engine.run(60).reset().run(10);
        assertThat(engine.shareOf(2)).isGreaterThan(0.9);
        engine.with((group, step) -> group.size() == 1 ? 30 : 240)
                .run(1.6)
                .reset()
                .run(5);
        assertThat(engine.shareOf(1)).isGreaterThan(0.95);
    }

    @Test
    @DisplayName("Of several widths the next smaller one follows when steps become far slower, also during a trial")
    void collapseOfSeveral() {
        for (double seconds : List.of(60.0, 70.0, 80.0, 90.0, 110.0, 120.0)) {
            assertThat(shareOfOneAfterCollapse(seconds, 2.5))
                    .as("after %.0f s", seconds)
                    .isGreaterThan(0.9);
        }
        // trials follow each other in less than 30 s
        for (int seconds = 40; seconds < 70; seconds++) {
            assertThat(shareOfOneAfterCollapse(seconds, 10))
                    .as("after %d s", seconds)
                    .isGreaterThan(0.9);
        }
    }

    /** The share of width 1 in five seconds that begin so long after the steps of several instances have collapsed. */
    private static double shareOfOneAfterCollapse(double secondsBefore, double secondsAfter) {
        EngineLayout four = new EngineLayout(4, 1, 4, 16, false);
        SimulatedEngine engine = new SimulatedEngine(
                four, (group, step) -> List.of(20, 14, 0, 20).get(group.size() - 1), 0.03, 4, 4, 4, 4);
        engine.run(secondsBefore).reset().run(5);
        assertThat(engine.shareOf(2)).isGreaterThan(0.8);
        engine.with((group, step) -> List.of(30, 300, 0, 3000).get(group.size() - 1))
                .run(secondsAfter)
                .reset()
                .run(5);
        return engine.shareOf(1);
    }

    @Test
    @DisplayName("A neighbour that begins during a trial is noticed within seconds")
    void neighbourDuringATrial() {
        Model quiet = SimulatedEngine::big;
        SimulatedEngine engine = new SimulatedEngine(TWO, quiet, 0.03, 4, 4);
        engine.run(300);
        while (engine.width() == 2) {
            engine.run(0.001);
        }
        engine.with(SimulatedEngine.besideABusyLoop(quiet)).run(8).reset().run(15);
        assertThat(engine.shareOf(1)).isGreaterThan(0.7);
    }

    @Test
    @DisplayName("If all steps have prompts, a change is found after a minute or two, although no duration shows it")
    void changeWithPrompts() {
        SimulatedEngine engine = new SimulatedEngine(TWO, (group, step) -> group.size() == 1 ? 300 : 250, 0.03, 4, 4);
        engine.promptEvery(1).run(600).reset().run(60);
        assertThat(engine.shareOf(2)).isGreaterThan(0.9);
        engine.with((group, step) -> group.size() == 1 ? 300 : 900)
                .run(100)
                .reset()
                .run(60);
        assertThat(engine.shareOf(1)).isGreaterThan(0.9);
    }

    @Test
    @DisplayName("A process that is stopped during a trial tries again within minutes")
    void stoppedDuringATrial() {
        Model small = SimulatedEngine::small;
        SimulatedEngine engine = new SimulatedEngine(TWO_OF_A_SMALL_MODEL, small, 0.03, 4, 4);
        engine.run(20);
        while (engine.width() == 1) {
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
    @DisplayName("Turns that take four times as long, one in ten, do not make the slower width look faster")
    void delayedTurns() {
        Random random = new Random(3);
        Model model = (group, step) -> (random.nextInt(10) == 0 ? 4 : 1) * (group.size() == 1 ? 20 : 21);
        SimulatedEngine engine = new SimulatedEngine(TWO_OF_A_SMALL_MODEL, model, 0.03, 4, 4);
        engine.run(30).reset().run(900);
        assertThat(engine.shareOf(1)).isGreaterThan(0.97);
    }

    @Test
    @DisplayName("A machine whose speed varies for parts of a second does not cause trials, nor wrong decisions")
    void waves() {
        for (int rows : List.of(1, 4, 8)) {
            SimulatedEngine engine = new SimulatedEngine(TWO_OF_A_SMALL_MODEL, SimulatedEngine::small, 0.1, rows, rows);
            engine.waves(0.15, 0.3).run(30).reset().run(600);
            assertThat(engine.shareOf(1)).as(rows + " rows").isGreaterThan(0.97);
        }
    }

    @Test
    @DisplayName("Where the speed varies by a fifth every two seconds, the faster width runs most of the time")
    void longWaves() {
        for (double factor : List.of(0.85, 1.15)) {
            Model model = (group, step) -> group.size() == 1 ? 160 : 160 * factor;
            SimulatedEngine engine = new SimulatedEngine(TWO_OF_A_SMALL_MODEL, model, 0.1, 4, 4);
            engine.waves(0.2, 2).run(120).reset().run(6000);
            assertThat(engine.shareOf(factor < 1 ? 2 : 1))
                    .as("factor " + factor)
                    .isGreaterThan(0.75);
        }
    }
}
