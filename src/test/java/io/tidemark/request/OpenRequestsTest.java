package io.tidemark.request;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.generation.FinishReason;
import io.tidemark.generation.GenerationListener;
import io.tidemark.generation.Outcome.Failure;
import io.tidemark.message.CancellationMessage;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Open requests")
class OpenRequestsTest {

    private static final String BODY = "{\"id\": \"r\", \"model\": \"warm\", \"prompt\": \"x\", \"max_tokens\": 4, %s}";

    private final RequestRunnerFixture fixture = new RequestRunnerFixture();

    @AfterEach
    void closeFixture() {
        fixture.close();
    }

    @Test
    @DisplayName("Of which only a part was read are rejected with their size")
    void tooLarge() {
        ReceivedRequest part = fixture.received(1, 0, BODY);
        fixture.deliver(RequestFixtures.received(
                part.source(), part.value(), 3_000_000, part.timestamp(), part.attempt(), 0, part.reply()));
        assertThat(fixture.answers())
                .singleElement()
                .satisfies(answer -> assertThat(answer.error()).hasValueSatisfying(error -> {
                    assertThat(error.code()).isEqualTo("request_too_large");
                    assertThat(error.message()).isEqualTo("the record has 3000000 bytes; the limit is 10000 bytes");
                }));
    }

    @Test
    @DisplayName("Of two records with one id are cancelled together, until each has ended")
    void sameId() {
        String body = "{\"id\": \"same\", \"model\": \"warm\", \"prompt\": \"x\", \"max_tokens\": 4}";
        fixture.deliver(1, 0, body);
        fixture.deliver(2, 0, body);
        assertThat(cancelled()).containsExactlyInAnyOrder("requests-0-1", "requests-0-2");
        end(0);
        assertThat(cancelled()).containsExactly("requests-0-2");
        end(1);
        assertThat(cancelled()).isEmpty();
    }

    @Test
    @DisplayName("End with the reason deadline when their deadline passes while they run")
    void deadlineWhileRunning() {
        long now = fixture.time().instant().toEpochMilli();
        fixture.deliver(1, now, BODY.formatted("\"timeout_ms\": 50"));
        fixture.time().sleep(Duration.ofMillis(49));
        assertThat(fixture.engine().reasons()).isEmpty();
        fixture.time().sleep(Duration.ofMillis(1));
        assertThat(fixture.engine().reasons()).containsExactly(FinishReason.DEADLINE);
    }

    @Test
    @DisplayName("Are not run if their deadline has passed: each choice of the result ends with the reason deadline")
    void deadlineBefore() {
        String expired = BODY.formatted("\"n\": 2, \"deadline\": \"2020-01-01T00:00:00Z\"");
        assertThat(fixture.deliver(1, 0, expired)).isCompleted();
        assertThat(fixture.results().split("\"finish_reason\":\"deadline\"", -1))
                .hasSize(3);
        assertThat(fixture.engine().submitted()).isEmpty();
        assertThat(fixture.noAdapterRequested()).isTrue();
    }

    /** The records of the requests that are cancelled in the engine by a cancellation of id 'same'. */
    private List<String> cancelled() {
        List<String> recorded = fixture.engine().cancelledAfterSubmission();
        recorded.clear();
        fixture.requests().cancel(CancellationMessage.ofId("same"), 0);
        return recorded.stream().map(id -> id.substring(0, id.indexOf('#'))).toList();
    }

    private void end(int submission) {
        GenerationListener listener = fixture.engine().listeners().get(submission);
        listener.onFinished(new Failure("id", "engine_error", "it broke"));
    }
}
