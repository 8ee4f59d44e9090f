package io.tidemark.stream.serving;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The phase of a serving process")
class ServingPhaseTest {

    @Test
    @DisplayName("Is READY after the start and STOPPING after a shutdown")
    void inOrder() {
        assertThat(ServingPhase.LOADING.ready()).isEqualTo(ServingPhase.READY);
        assertThat(ServingPhase.READY.stopping()).isEqualTo(ServingPhase.STOPPING);
        assertThat(ServingPhase.LOADING.stopping()).isEqualTo(ServingPhase.STOPPING);
    }

    @Test
    @DisplayName("Stays STOPPING or FAILED, so that a shutdown is no failure and a failure is no shutdown")
    void isFinal() {
        assertThat(ServingPhase.READY.failed()).isEqualTo(ServingPhase.FAILED);
        for (ServingPhase over : new ServingPhase[] {ServingPhase.STOPPING, ServingPhase.FAILED}) {
            assertThat(over.isOver()).isTrue();
            assertThat(over.ready()).isEqualTo(over);
            assertThat(over.stopping()).isEqualTo(over);
            assertThat(over.failed()).isEqualTo(over);
        }
    }
}
