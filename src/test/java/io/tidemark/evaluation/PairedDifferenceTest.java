package io.tidemark.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Paired difference")
class PairedDifferenceTest {

    @Test
    @DisplayName("The interval is Student's t interval of the differences")
    void interval() {
        // differences 1, 2, 3, 4, 5: mean 3, standard error sqrt(2.5 / 5), t of 4 degrees 2.7764
        PairedDifference difference =
                PairedDifference.of(List.of(11.0, 12.0, 23.0, 24.0, 35.0), List.of(10.0, 10.0, 20.0, 20.0, 30.0));
        assertThat(difference.mean()).isCloseTo(3, within(1e-12));
        assertThat(difference.halfWidth95()).isCloseTo(2.7764 * Math.sqrt(0.5), within(1e-3));
        assertThat(difference.mean()).isGreaterThan(difference.halfWidth95());
    }

    @Test
    @DisplayName("The interval of scattered differences contains 0")
    void scattered() {
        PairedDifference difference = PairedDifference.of(List.of(1.0, -1.0, 0.5), List.of(0.0, 0.0, 0.0));
        assertThat(Math.abs(difference.mean())).isLessThanOrEqualTo(difference.halfWidth95());
    }

    @Test
    @DisplayName("Fewer than two examples or unpaired scores are rejected")
    void needsPairs() {
        assertThatThrownBy(() -> PairedDifference.of(List.of(1.0), List.of(1.0)))
                .hasMessageContaining("two examples");
        assertThatThrownBy(() -> PairedDifference.of(List.of(1.0, 2.0), List.of(1.0, 2.0, 3.0)))
                .hasMessageContaining("both ways");
    }
}
