package io.tidemark.stream.serving;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("The timer of deadlines")
class DeadlineTimerTest {

    private final List<Duration> delays = new ArrayList<>();

    private final ScheduledThreadPoolExecutor executor = new ScheduledThreadPoolExecutor(0) {
        @Override
        public ScheduledFuture<?> schedule(Runnable task, long delay, TimeUnit unit) {
            delays.add(Duration.of(delay, unit.toChronoUnit()));
            return super.schedule(task, delay, unit);
        }
    };

    @AutoClose
    private final DeadlineTimer timer = new DeadlineTimer(executor);

    @ParameterizedTest(name = "{0}")
    @DisplayName("Waits for at least the delay, however small a part of a millisecond it has, and at most 1 ms longer")
    @ValueSource(
            strings = {
                "PT0S",
                "PT0.000000001S",
                "PT0.000999999S",
                "PT0.001S",
                "PT0.0015S",
                "PT9.999999999S",
                "P365D",
                "P2920000DT0.000000001S"
            })
    void notBefore(String delay) {
        Duration left = Duration.parse(delay);
        timer.schedule(left, () -> {});
        assertThat(delays)
                .singleElement()
                .satisfies(waited -> assertThat(waited).isBetween(left, left.plusMillis(1)));
    }

    @Test
    @DisplayName("Does not wait for a deadline that has passed")
    void passed() {
        timer.schedule(Duration.ofSeconds(-5), () -> {});
        assertThat(delays).containsExactly(Duration.ZERO);
    }

    @Test
    @DisplayName("Keeps no task that is cancelled")
    void cancelled() {
        Runnable cancel = timer.schedule(Duration.ofDays(1), () -> {});
        assertThat(executor.getQueue()).hasSize(1);
        cancel.run();
        assertThat(executor.getQueue()).isEmpty();
    }
}
