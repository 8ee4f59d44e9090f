package io.tidemark.load;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.TimeUnit;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The capacity of a worker")
class CapacityTest {

    private final Capacity capacity = new Capacity();
    private long nanos = TimeUnit.HOURS.toNanos(1);
    private long tokens;

    @Test
    @DisplayName("Is the rate of saturated time, and is unknown before 15 s of it")
    void measured() {
        run(100, 7, false);
        run(14, 50, true);
        assertThat(capacity.tokensPerSecond()).isEmpty();
        run(100, 7, false);
        assertThat(capacity.tokensPerSecond()).isEmpty();
        run(3, 50, true);
        assertThat(capacity.tokensPerSecond()).hasValue(50);
    }

    @Test
    @DisplayName("Does not follow a lower load, however long it lasts")
    void lowLoad() {
        run(30, 50, true);
        run(10_000, 5, false);
        assertThat(capacity.tokensPerSecond()).hasValue(50);
    }

    @Test
    @DisplayName("Follows the latest minutes of saturated time")
    void follows() {
        run(600, 50, true);
        run(60, 20, true);
        assertThat(capacity.tokensPerSecond().orElseThrow()).isBetween(20.0, 35.0);
        run(240, 20, true);
        assertThat(capacity.tokensPerSecond().orElseThrow()).isCloseTo(20, Percentage.withPercentage(5));
    }

    @Test
    @DisplayName("Does not count a time without samples")
    void gap() {
        run(20, 50, true);
        nanos += TimeUnit.MINUTES.toNanos(1);
        run(20, 50, true);
        assertThat(capacity.tokensPerSecond()).hasValue(50);
    }

    @Test
    @DisplayName("Is raised by a load above the measured capacity")
    void raised() {
        run(30, 3, true);
        run(14, 40, false);
        assertThat(capacity.tokensPerSecond()).as("too short").hasValue(3);
        run(60, 40, false);
        assertThat(capacity.tokensPerSecond()).hasValue(40);
        run(600, 20, false);
        assertThat(capacity.tokensPerSecond()).hasValue(40);
        run(300, 30, true);
        assertThat(capacity.tokensPerSecond().orElseThrow())
                .as("a measurement replaces it")
                .isCloseTo(30, Percentage.withPercentage(5));
    }

    @Test
    @DisplayName("Is not known from the load alone, nor while no token is processed")
    void unknown() {
        run(600, 40, false);
        assertThat(capacity.tokensPerSecond()).isEmpty();
        run(60, 0, true);
        assertThat(capacity.tokensPerSecond()).isEmpty();
        run(60, 1, false);
        assertThat(capacity.tokensPerSecond()).isEmpty();
        run(60, 50, true);
        assertThat(capacity.tokensPerSecond().orElseThrow()).isPositive();
    }

    private void run(int seconds, int perSecond, boolean saturated) {
        for (int second = 0; second < seconds; second++) {
            nanos += TimeUnit.SECONDS.toNanos(1);
            tokens += perSecond;
            capacity.sample(nanos, tokens, saturated);
        }
    }
}
