package io.tidemark.request;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.generation.Outcome.Failure;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@DisplayName("Abandoned requests")
class AbandonedRequestsTest {

    private static final String BODY = "{\"id\": \"r\", \"model\": \"warm\", \"prompt\": \"x\", \"max_tokens\": 4}";

    @Test
    @Timeout(60)
    @DisplayName("Get no answer however they end, like requests that are read after the engine has failed")
    void getNoAnswer() {
        try (RequestRunnerFixture fixture = new RequestRunnerFixture()) {
            CompletableFuture<Answer> running = fixture.deliver(1, "warm");
            CompletableFuture<Answer> waiting = fixture.deliver(2, "cold");
            assertThat(fixture.engine().submitted()).hasSize(1);

            fixture.requests().abandonAll();
            fixture.engine().listeners().get(0).onFinished(new Failure("r1", "engine_error", "the engine has failed"));
            fixture.coldLease().complete(fixture.store().awaitLease("cold"));
            CompletableFuture<Answer> read = fixture.deliver(3, "warm");

            assertThat(List.of(running, waiting, read)).noneMatch(CompletableFuture::isDone);
            assertThat(fixture.engine().submitted()).hasSize(1);
            assertThat(fixture.results()).isEmpty();
        }
    }

    @Test
    @Timeout(60)
    @DisplayName("Are cancelled in the engine, give back their adapter, and may be delivered again while they end")
    void deliveredAgain() {
        try (RequestRunnerFixture fixture = new RequestRunnerFixture()) {
            ReceivedRequest first = fixture.received(1, 0, BODY);
            CompletableFuture<Answer> abandoned = fixture.deliver(first);
            assertThat(fixture.engine().listeners()).hasSize(1);
            fixture.requests().abandon(first);
            assertThat(fixture.engine().cancelledAfterSubmission()).hasSize(1);

            CompletableFuture<Answer> again = fixture.deliver(fixture.received(1, 0, BODY));
            assertThat(fixture.engine().listeners()).hasSize(2);
            fixture.engine().listeners().get(0).onFinished(new Failure("r", "engine_error", "late"));
            assertThat(again).isNotDone();
            fixture.engine().listeners().get(1).onFinished(new Failure("r", "engine_error", "it broke"));
            assertThat(again).isCompleted();
            assertThat(abandoned).isNotDone();
        }
    }
}
