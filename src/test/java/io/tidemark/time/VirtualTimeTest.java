package io.tidemark.time;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Virtual time")
class VirtualTimeTest {

    private final VirtualTime time = new VirtualTime();
    private final Instant start = time.instant();

    @Test
    @DisplayName("A sleep moves both clocks by its duration and runs the tasks of that time in order, each at its time")
    void sleeps() {
        List<String> ran = new ArrayList<>();
        time.schedule(Duration.ofSeconds(3), () -> ran.add("late"));
        time.schedule(Duration.ofSeconds(2), () -> {
            ran.add("second at " + Duration.between(start, time.instant()).toSeconds());
            time.schedule(Duration.ofMillis(500), () -> ran.add("third"));
        });
        time.schedule(Duration.ofSeconds(1), () -> ran.add("first"));
        long before = time.nanoTime();
        time.sleep(Duration.ofMillis(2_900));
        assertThat(ran).containsExactly("first", "second at 2", "third");
        assertThat(time.nanosSince(before)).isEqualTo(Duration.ofMillis(2_900).toNanos());
        assertThat(time.instant()).isEqualTo(start.plusMillis(2_900));
    }
}
