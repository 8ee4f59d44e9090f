package io.tidemark.stream.worker;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("a request that is cancelled")
class CancelledRequestsTest {

    private final DeskFixture at = new DeskFixture();

    @AfterEach
    void closeDesk() {
        at.close();
    }

    @Test
    @DisplayName("is cancelled in the engine as soon as it gets there, when it was cancelled while it waited")
    void cancelledWhileWaiting() {
        at.ask(1, "cold");
        at.awaitColdAsked();
        at.desk().cancel("r1", 0);
        assertThat(at.engine().cancelledAfterSubmission()).isEmpty();
        at.awaitColdAsked().complete(at.store().awaitLease("cold"));
        Awaitility.await().until(() -> at.engine().cancelledAfterSubmission().size() == 1);
        assertThat(at.engine().cancelledAfterSubmission().get(0)).startsWith("r1@");
    }

    @Test
    @DisplayName("is cancelled although its cancellation was read before it, unless its record is the newer one")
    void cancelledBeforeItIsRead() {
        at.desk().cancel("r1", 500);
        at.desk().cancel("r2", 499);
        at.desk().cancel("r3", 500);
        List.of(1, 2, 3).forEach(offset -> at.ask(offset, "warm", 500));
        Awaitility.await().until(() -> at.engine().cancelledAfterSubmission().size() == 2);
        assertThat(at.engine().submitted()).hasSize(3);
        assertThat(at.engine().cancelledAfterSubmission())
                .extracting(id -> id.substring(0, 2))
                .containsExactly("r1", "r3");
    }
}
