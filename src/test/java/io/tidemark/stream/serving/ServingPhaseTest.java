package io.tidemark.stream.serving;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The phase of a serving process")
class PhaseTest {

    @Test
    @DisplayName("Is READY after the start and STOPPING after a shutdown")
    void inOrder() {
        assertThat(Phase.LOADING.ready()).isEqualTo(Phase.READY);
        assertThat(Phase.READY.stopping()).isEqualTo(Phase.STOPPING);
        assertThat(Phase.LOADING.stopping()).isEqualTo(Phase.STOPPING);
    }

    @Test
    @DisplayName("Stays STOPPING or FAILED, so that a shutdown is no failure and a failure is no shutdown")
    void isFinal() {
        assertThat(Phase.READY.failed()).isEqualTo(Phase.FAILED);
        for (Phase over : new Phase[] {Phase.STOPPING, Phase.FAILED}) {
            assertThat(over.isOver()).isTrue();
            assertThat(over.ready()).isEqualTo(over);
            assertThat(over.stopping()).isEqualTo(over);
            assertThat(over.failed()).isEqualTo(over);
        }
    }
}
