package io.tidemark.benchmark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.fixture.FixtureModel;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

@DisplayName("the measurement of a long prompt beside running rows")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class InterferenceBenchmarkTest {

    private FixtureModel fixture;

    @BeforeAll
    void load() {
        fixture = FixtureModel.load("llama-gqa");
    }

    @AfterAll
    void close() {
        fixture.close();
    }

    @Test
    @DisplayName("takes as many steps beside prompts as their chunks, and as many alone before each")
    void countsSteps() {
        Interference seen =
                new InterferenceBenchmark(fixture.model(), Optional.of(fixture.adapter("all"))).run(3, 200, 64, 2);
        assertThat(seen.beside()).hasSize(2 * 4);
        assertThat(seen.alone()).hasSize(2 * 12);
        assertThat(seen.promptMillis())
                .hasSize(2)
                .allSatisfy(millis -> assertThat(millis).isPositive());
    }

    @Test
    @DisplayName("says why it could not run when the prompt is longer than the context")
    void refusesWhatDoesNotFit() {
        InterferenceBenchmark bench = new InterferenceBenchmark(fixture.model(), Optional.empty());
        assertThatThrownBy(() -> bench.run(2, 600, 64, 1))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("context of 512");
        assertThatThrownBy(() -> bench.run(2, 20, 1, 100))
                .as("rows that grow beyond it")
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("context of 512");
    }

    @Test
    @DisplayName("relates medians, and the worst time to the median alone")
    void hasRatios() {
        Interference seen = new Interference(List.of(9.0, 10.0, 11.0), List.of(20.0, 30.0, 25.0, 90.0), List.of(100.0));
        assertThat(seen.ratio()).isEqualTo(2.75);
        assertThat(seen.worstRatio()).isEqualTo(9);
    }
}
