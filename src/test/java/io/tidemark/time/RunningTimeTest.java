package io.tidemark.time;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The running time of an activity")
class RunningTimeTest {

    private record Activity(String name) {}

    private final RunningTime<Activity> times = new RunningTime<>();
    private final Activity first = new Activity("same");
    private final Activity second = new Activity("same");

    @Test
    @DisplayName("Is the number of ticks after the first, however late they come")
    void countsTicks() {
        ticks(4, first);
        assertThat(times.of(first)).isEqualTo(Duration.ofSeconds(3));
        assertThat(times.since(Duration.ofSeconds(3))).containsExactly(first);
        assertThat(times.since(Duration.ofSeconds(4))).isEmpty();
        assertThat(times.oldest()).isEqualTo(Duration.ofSeconds(3));
    }

    @Test
    @DisplayName("Starts again with the next activity, also with one that is equal")
    void startsAgain() {
        ticks(4, first);
        ticks(2, second);
        assertThat(times.of(second)).isEqualTo(Duration.ofSeconds(1));
        assertThat(times.of(first)).isZero();
        assertThat(times.longestEnded()).hasValue(Duration.ofSeconds(3));
    }

    private void ticks(int count, Activity activity) {
        for (int i = 0; i < count; i++) {
            times.tick(List.of(activity));
        }
    }
}
