package io.tidemark.benchmark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

@DisplayName("Interference benchmark")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class InterferenceBenchmarkTest {

    @AutoClose
    private final DemoModel demo = new DemoModel();

    @Test
    @DisplayName("Steps with a prompt equal its chunks, and steps without a prompt precede each prompt")
    void countsSteps() {
        InterferenceBenchmark.Times times =
                new InterferenceBenchmark(demo.model(), Optional.of(demo.adapter("describe"))).run(3, 200, 64, 2);
        assertThat(times.beside()).hasSize(2 * 4);
        assertThat(times.alone()).hasSize(2 * 12);
        assertThat(times.promptMillis())
                .hasSize(2)
                .allSatisfy(millis -> assertThat(millis).isPositive());
    }

    @Test
    @DisplayName("A prompt longer than the context fails with the reason")
    void refusesWhatDoesNotFit() {
        InterferenceBenchmark bench = new InterferenceBenchmark(demo.model(), Optional.empty());
        assertThatThrownBy(() -> bench.run(2, 600, 64, 1))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("context of 512");
        assertThatThrownBy(() -> bench.run(2, 20, 1, 100))
                .as("rows that grow beyond it")
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("context of 512");
    }

    @Test
    @DisplayName("The ratio is of medians; the worst ratio is of the longest time to the median without a prompt")
    void hasRatios() {
        InterferenceBenchmark.Times times = new InterferenceBenchmark.Times(
                List.of(9.0, 10.0, 11.0), List.of(20.0, 30.0, 25.0, 90.0), List.of(100.0));
        assertThat(times.ratio()).isEqualTo(2.75);
        assertThat(times.worstRatio()).isEqualTo(9);
    }
}
