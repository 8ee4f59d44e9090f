package io.tidemark.calibration.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ObjectiveTest {

    @ParameterizedTest
    @CsvSource({"quality, 0, 0.03", "balanced, 0.03, 0.03", "latency, Infinity, 0.03", "tolerance:0.02, Infinity, 0.02"
    })
    @DisplayName("An objective parses from its written form, and has an accepted loss and a margin")
    void values(String written, double acceptedLoss, double margin) {
        Objective objective = Objective.parse(written);
        assertThat(objective.written()).isEqualTo(written);
        assertThat(objective.acceptedLoss(0.03)).isEqualTo(acceptedLoss);
        assertThat(objective.tolerance().orElse(0.03)).isEqualTo(margin);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "best", "tolerance", "tolerance:", "tolerance:-1", "tolerance:NaN", "tolerance:x"})
    @DisplayName("An unknown objective is rejected with a hint")
    void noObjective(String written) {
        assertThatThrownBy(() -> Objective.parse(written))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("tolerance");
    }
}
