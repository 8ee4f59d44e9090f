package io.tidemark.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Speed of a batch")
class BatchSpeedTest {

    @Test
    @DisplayName("The time per text has the prompt's time once, whatever the length; runs count with their median")
    void promptOnce() {
        BatchSpeed speed = new BatchSpeed(4, 5);
        speed.add(8, 12);
        speed.add(9, 99);
        speed.add(1, 10);
        assertThat(speed.tokensPerSecond()).isCloseTo(4 * 5 / 12.0, within(1e-9));
        assertThat(speed.secondsPerText(1)).isEqualTo(2);
        assertThat(speed.secondsPerText(5)).isEqualTo(3);
        assertThat(speed.secondsPerText(41)).isEqualTo(12);
    }
}
