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

    @Test
    @Timeout(60)
    @DisplayName("Get no answer however they end, like requests that are read later, and drain does not wait for them")
    void getNoAnswer() {
        try (RequestLifecycleFixture fixture = new RequestLifecycleFixture()) {
            CompletableFuture<Void> running = fixture.deliver(1, "warm");
            CompletableFuture<Void> waiting = fixture.deliver(2, "cold");
            Awaitility.await().until(() -> fixture.engine().submitted().size() == 1);
            fixture.awaitColdLease();

            fixture.requests().abandonForRedelivery();
            fixture.engine().listeners().get(0).onFinished(new Failure("r1", "engine_error", "the engine has failed"));
            fixture.awaitColdLease().complete(fixture.store().awaitLease("cold"));
            CompletableFuture<Void> read = fixture.deliver(3, "warm");

            assertThat(fixture.requests().drain(Duration.ofHours(1))).isEqualTo(3);
            fixture.requests().close();
            assertThat(List.of(running, waiting, read)).noneMatch(CompletableFuture::isDone);
            assertThat(fixture.engine().submitted()).hasSize(1);
            assertThat(fixture.results()).isEmpty();
        }
    }
}
