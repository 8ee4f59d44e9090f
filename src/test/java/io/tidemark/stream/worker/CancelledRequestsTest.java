package io.tidemark.stream.worker;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A cancelled request")
class CancelledRequestsTest {

    private final RequestLifecycleFixture fixture = new RequestLifecycleFixture();

    @AfterEach
    void closeFixture() {
        fixture.close();
    }

    @Test
    @DisplayName(
            "Is cancelled in the engine after its submission if the cancellation came while it waited for its adapter")
    void cancelledWhileWaiting() {
        fixture.deliver(1, "cold");
        fixture.awaitColdLease();
        fixture.requests().cancel("r1", 0);
        assertThat(fixture.engine().cancelledAfterSubmission()).isEmpty();
        fixture.awaitColdLease().complete(fixture.store().awaitLease("cold"));
        Awaitility.await()
                .until(() -> fixture.engine().cancelledAfterSubmission().size() == 1);
        assertThat(fixture.engine().cancelledAfterSubmission().get(0)).startsWith("requests-0-1#");
    }

    @Test
    @DisplayName(
            "Is cancelled by a cancellation that was read before the request, unless the record of the request is newer")
    void cancelledBeforeItIsRead() {
        fixture.requests().cancel("r1", 500);
        fixture.requests().cancel("r2", 499);
        fixture.requests().cancel("r3", 500);
        List.of(1, 2, 3).forEach(offset -> fixture.deliver(offset, "warm", 500));
        Awaitility.await()
                .until(() -> fixture.engine().cancelledAfterSubmission().size() == 2);
        assertThat(fixture.engine().submitted()).hasSize(3);
        assertThat(fixture.engine().cancelledAfterSubmission())
                .extracting(id -> id.substring(0, id.indexOf('#')))
                .containsExactly("requests-0-1", "requests-0-3");
    }
}
