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

@DisplayName("requests that were handed back, as when the engine has died")
class HandedBackRequestsTest {

    @Test
    @Timeout(60)
    @DisplayName(
            "get no result here however they end, nor do those that are read after, and nobody waits for them any more")
    void areLeftToOthers() {
        try (DeskFixture at = new DeskFixture()) {
            CompletableFuture<Void> running = at.ask(1, "warm");
            CompletableFuture<Void> waiting = at.ask(2, "cold");
            Awaitility.await().until(() -> at.engine().submitted().size() == 1);
            at.awaitColdAsked();

            at.desk().handBack();
            at.engine()
                    .listeners()
                    .get(0)
                    .onFinished(new Failure("r1", "engine_error", "the engine failed"));
            at.awaitColdAsked().complete(at.store().awaitLease("cold"));
            CompletableFuture<Void> read = at.ask(3, "warm");

            assertThat(at.desk().finishOrHandBack(Duration.ofHours(1))).isEqualTo(3);
            at.desk().close();
            assertThat(List.of(running, waiting, read)).noneMatch(CompletableFuture::isDone);
            assertThat(at.engine().submitted()).hasSize(1);
            assertThat(at.results()).isEmpty();
        }
    }
}
