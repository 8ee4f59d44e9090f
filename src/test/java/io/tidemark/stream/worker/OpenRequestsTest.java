package io.tidemark.stream.worker;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.generation.GenerationListener;
import io.tidemark.generation.Outcome.Failure;
import io.tidemark.message.CancellationMessage;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Open requests")
class OpenRequestsTest {

    private static final Duration TIMEOUT = Duration.ofSeconds(10);

    private final RequestLifecycleFixture fixture = new RequestLifecycleFixture();

    @AfterEach
    void closeFixture() {
        fixture.close();
    }

    @Test
    @DisplayName("Run once if their record is delivered again, and both deliveries complete with the one answer")
    void redelivered() {
        CompletableFuture<Void> first = fixture.deliver(7, "warm");
        CompletableFuture<Void> second = fixture.deliver(7, "warm");
        assertThat(second).isSameAs(first);
        awaitSubmitted(1);
        assertThat(fixture.requests().openRequests()).isOne();
        end(0);
        assertThat(first).succeedsWithin(TIMEOUT);
        assertThat(fixture.engine().submitted()).hasSize(1);
        awaitNoneOpen();
    }

    @Test
    @DisplayName("Are closed when they are rejected, and drain does not wait for them")
    void rejected() {
        assertThat(fixture.deliver(7, "unknown")).succeedsWithin(TIMEOUT);
        awaitNoneOpen();
        assertThat(fixture.requests().drain(Duration.ofHours(1))).isZero();
    }

    @Test
    @DisplayName("Of two records with one id are cancelled together, until each has ended")
    void sameId() {
        String body = "{\"id\": \"same\", \"model\": \"warm\", \"prompt\": \"x\", \"max_tokens\": 4}";
        fixture.deliver(1, 0, body);
        fixture.deliver(2, 0, body);
        awaitSubmitted(2);
        cancelled("same@0-1", "same@0-2");
        end(0);
        cancelled("same@0-2");
        end(1);
        cancelled();
    }

    private void cancelled(String... engineIds) {
        List<String> recorded = fixture.engine().cancelledAfterSubmission();
        recorded.clear();
        fixture.requests().cancel(CancellationMessage.ofId("same"), 0);
        assertThat(recorded).containsExactlyInAnyOrder(engineIds);
    }

    private void awaitSubmitted(int count) {
        Awaitility.await().until(() -> fixture.engine().listeners().size() == count);
    }

    private void awaitNoneOpen() {
        Awaitility.await().until(() -> fixture.requests().openRequests() == 0);
    }

    private void end(int submission) {
        GenerationListener listener = fixture.engine().listeners().get(submission);
        listener.onFinished(new Failure("id", "engine_error", "it broke"));
    }
}
