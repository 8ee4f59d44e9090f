package io.tidemark.request;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.message.CancellationMessage;
import io.tidemark.message.Provenance.Source;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A cancelled request")
class CancelledRequestsTest {

    private final RequestRunnerFixture fixture = new RequestRunnerFixture();

    @AfterEach
    void closeFixture() {
        fixture.close();
    }

    @Test
    @DisplayName("Is not a running request whose record is newer than the cancellation of its id")
    void newerRequestContinues() {
        String body = "{\"id\": \"same\", \"model\": \"warm\", \"prompt\": \"x\", \"max_tokens\": 4}";
        fixture.deliver(1, 100, body);
        fixture.deliver(2, 300, body);
        fixture.requests().cancel(CancellationMessage.ofId("same"), 200);
        assertThat(fixture.engine().cancelledAfterSubmission())
                .singleElement()
                .satisfies(id -> assertThat(id).startsWith("requests-0-1#"));
        fixture.requests().cancel(CancellationMessage.ofId("same"), 300);
        assertThat(fixture.engine().cancelledAfterSubmission()).hasSizeGreaterThan(1);
    }

    @Test
    @DisplayName("Can be named by the position of its record, also before it is read")
    void bySource() {
        fixture.deliver(1, "warm", 500);
        fixture.deliver(2, "warm", 500);
        fixture.requests().cancel(CancellationMessage.ofSource(new Source("requests", 0, 2)), 0);
        fixture.requests().cancel(CancellationMessage.ofSource(new Source("requests", 0, 3)), 0);
        fixture.requests().cancel(CancellationMessage.ofSource(new Source("others", 0, 1)), 0);
        fixture.deliver(3, "warm", 500);
        assertThat(fixture.engine().cancelledAfterSubmission())
                .extracting(id -> id.substring(0, id.indexOf('#')))
                .contains("requests-0-2")
                .doesNotContain("requests-0-1");
        assertThat(fixture.answers())
                .extracting(answer -> answer.result().id() + " " + answer.outcome())
                .containsExactly("r3 cancelled");
    }

    @Test
    @DisplayName(
            "Is cancelled by a cancellation that was read before the request, unless the record of the request is newer")
    void cancelledBeforeItIsRead() {
        fixture.requests().cancel(CancellationMessage.ofId("r1"), 500);
        fixture.requests().cancel(CancellationMessage.ofId("r2"), 499);
        fixture.requests().cancel(CancellationMessage.ofId("r3"), 500);
        List.of(1, 2, 3).forEach(offset -> fixture.deliver(offset, "warm", 500));
        assertThat(fixture.engine().submitted())
                .singleElement()
                .satisfies(request -> assertThat(request.id()).startsWith("requests-0-2#"));
        assertThat(fixture.answers())
                .extracting(answer -> answer.result().id() + " " + answer.outcome())
                .containsExactly("r1 cancelled", "r3 cancelled");
    }
}
