package io.tidemark.generation.layout;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.generation.layout.TurnDurations.Moment;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Durations of recent turns")
class TurnDurationsTest {

    private static final StepSize STEP = new StepSize(4, 4, false, false);

    private final TurnDurations durations = new TurnDurations();
    private long nanos;
    private double rounds;

    @Test
    @DisplayName("The expected duration is the median of the last nine turns")
    void median() {
        add(STEP, 90, 80, 70, 60);
        assertThat(expected(STEP)).isEqualTo(75);
        add(STEP, 50, 40, 30, 20, 10);
        assertThat(expected(STEP)).isEqualTo(50);
        add(STEP, 95, 95, 95, 95, 95);
        assertThat(expected(STEP)).isEqualTo(95);
    }

    @Test
    @DisplayName("The usual duration is the median of three or more recent turns of similar size")
    void usual() {
        add(STEP, 90, 80);
        assertThat(durations.usual(STEP, now())).isEmpty();
        add(STEP, 50);
        assertThat(durations.usual(STEP, now())).hasValue(80);
        assertThat(durations.usual(new StepSize(5, 5, false, false), now())).isEmpty();
        durations.clearOthers();
        assertThat(durations.usual(STEP, now())).isEmpty();
    }

    @Test
    @DisplayName("After ten seconds and 32 rounds without a turn, only later turns count")
    void age() {
        add(STEP, 10, 20, 30, 40);
        nanos += TurnDurations.MAX_AGE_NANOS;
        assertThat(expected(STEP)).as("after a few rounds").isEqualTo(25);
        rounds += 32;
        assertThat(durations.expected(STEP, now())).isEmpty();
        add(STEP, 70);
        assertThat(expected(STEP)).isEqualTo(70);
        add(STEP, 90);
        assertThat(expected(STEP)).isEqualTo(80);
    }

    @Test
    @DisplayName("Turns with prompt tokens that take twice as long do not forget the earlier ones")
    void slowerPrompts() {
        StepSize prompt = new StepSize(4, 44, true, false);
        for (int i = 0; i < 20; i++) {
            add(prompt, 100_000_000);
        }
        for (int i = 0; i < 20; i++) {
            add(prompt, 200_000_000);
            assertThat(durations.expected(prompt, now())).isPresent();
        }
    }

    @Test
    @DisplayName("Turns with and without prompt tokens, and with and without adapters, are separate")
    void kinds() {
        List<StepSize> kinds = List.of(
                STEP, new StepSize(4, 4, false, true), new StepSize(4, 4, true, false), new StepSize(4, 4, true, true));
        for (int i = 0; i < kinds.size(); i++) {
            assertThat(durations.expected(kinds.get(i), now())).isEmpty();
            add(kinds.get(i), 10 * i + 10);
        }
        for (int i = 0; i < kinds.size(); i++) {
            assertThat(expected(kinds.get(i))).isEqualTo(10 * i + 10);
        }
        durations.clearOthers();
        durations.clearPrompts();
        assertThat(kinds)
                .allSatisfy(kind -> assertThat(durations.expected(kind, now())).isEmpty());
    }

    @Test
    @DisplayName("Durations with prompt tokens last a minute, also if the others are forgotten")
    void ageOfPrompts() {
        StepSize prompt = new StepSize(4, 44, true, false);
        add(STEP, 10);
        add(prompt, 100);
        durations.clearOthers();
        assertThat(durations.expected(STEP, now())).isEmpty();
        rounds += 32;
        nanos += TurnDurations.MAX_AGE_OF_PROMPTS_NANOS - 1;
        assertThat(expected(prompt)).isEqualTo(100);
        nanos++;
        assertThat(durations.expected(prompt, now())).isEmpty();
    }

    @Test
    @DisplayName("Prompt tokens are extrapolated from a turn without them, up to four and a half times")
    void extrapolation() {
        StepSize four = new StepSize(4, 4 + 4 * 40, true, false);
        add(new StepSize(4, 4 + 40, true, false), 300);
        assertThat(durations.expected(four, now()))
                .as("without a turn that has none")
                .isEmpty();
        add(STEP, 100);
        assertThat(expected(four)).isEqualTo(100 + 4 * 200);
        assertThat(expected(new StepSize(4, 4 + 10, true, false))).isEqualTo(100 + 200 / 4.0);
        assertThat(durations.expected(new StepSize(4, 4 + 5 * 40, true, false), now()))
                .isEmpty();
        durations.clearOthers();
        add(STEP, 300);
        assertThat(durations.expected(four, now()))
                .as("after turns without that take as long")
                .isEmpty();
    }

    private void add(StepSize step, long... turnNanos) {
        for (long each : turnNanos) {
            nanos += each;
            rounds++;
            durations.add(step, each, now());
        }
    }

    private double expected(StepSize step) {
        return durations.expected(step, now()).orElseThrow();
    }

    private Moment now() {
        return new Moment(nanos, rounds);
    }
}
