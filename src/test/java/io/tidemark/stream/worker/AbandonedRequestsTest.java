package io.tidemark.stream.worker;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.generation.Outcome.Failure;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.awaitility.Awaitility;
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
        try (RequestLifecycleFixture fixture = new RequestLifecycleFixture()) {
            CompletableFuture<Answer> running = fixture.deliver(1, "warm");
            CompletableFuture<Answer> waiting = fixture.deliver(2, "cold");
            Awaitility.await().until(() -> fixture.engine().submitted().size() == 1);
            fixture.awaitColdLease();

            fixture.requests().abandonAll();
            fixture.engine().listeners().get(0).onFinished(new Failure("r1", "engine_error", "the engine has failed"));
            fixture.awaitColdLease().complete(fixture.store().awaitLease("cold"));
            CompletableFuture<Answer> read = fixture.deliver(3, "warm");

            fixture.requests().close();
            assertThat(List.of(running, waiting, read)).noneMatch(CompletableFuture::isDone);
            assertThat(fixture.engine().submitted()).hasSize(1);
            assertThat(fixture.results()).isEmpty();
        }
    }

    @Test
    @Timeout(60)
    @DisplayName("Are cancelled in the engine, give back their adapter, and may be delivered again while they end")
    void deliveredAgain() {
        try (RequestLifecycleFixture fixture = new RequestLifecycleFixture()) {
            IncomingRequest first = RequestLifecycleFixture.incoming(1, 0, BODY);
            CompletableFuture<Answer> abandoned = fixture.deliver(first);
            Awaitility.await().until(() -> fixture.engine().listeners().size() == 1);
            fixture.requests().abandon(first);
            assertThat(fixture.engine().cancelledAfterSubmission()).hasSize(1);

            CompletableFuture<Answer> again = fixture.deliver(RequestLifecycleFixture.incoming(1, 0, BODY));
            Awaitility.await().until(() -> fixture.engine().listeners().size() == 2);
            fixture.engine().listeners().get(0).onFinished(new Failure("r", "engine_error", "late"));
            assertThat(again).isNotDone();
            fixture.engine().listeners().get(1).onFinished(new Failure("r", "engine_error", "it broke"));
            assertThat(again).succeedsWithin(Duration.ofSeconds(10));
            assertThat(abandoned).isNotDone();
        }
    }
}
