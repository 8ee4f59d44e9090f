package io.tidemark.request;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.adapter.AdapterLease;
import io.tidemark.adapter.AdapterStore;
import io.tidemark.adapter.InvalidAdapterException;
import io.tidemark.generation.Outcome.Failure;
import io.tidemark.message.ErrorBody;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("A request whose adapter is not loaded")
class ColdAdapterTest {

    private final RequestRunnerFixture fixture = new RequestRunnerFixture();

    @AfterEach
    void closeFixture() {
        fixture.close();
    }

    @Test
    @DisplayName("Waits for the adapter without blocking later requests for loaded adapters")
    void doesNotBlock() {
        fixture.deliver(1, "cold");
        fixture.deliver(2, "warm");
        assertThat(fixture.engine().submitted()).hasSize(1);
        assertThat(fixture.engine().submitted().get(0).id()).startsWith("requests-0-2#");
        fixture.coldLease().complete(fixture.store().awaitLease("cold"));
        assertThat(fixture.engine().submitted()).hasSize(2);
        assertThat(fixture.engine().submitted().get(1).lora()).isPresent();
    }

    @Test
    @DisplayName("Is answered with an error that names no folder of the server if the adapter can't be loaded")
    void refused(@TempDir Path folder) throws Exception {
        Files.writeString(folder.resolve("adapter_config.json"), "{");
        InvalidAdapterException reason = null;
        try {
            fixture.store().register("broken", folder);
        } catch (InvalidAdapterException e) {
            reason = e;
        }
        CompletableFuture<Answer> answered = fixture.deliver(1, "cold");
        fixture.coldLease().completeExceptionally(reason);
        assertThat(answered).isCompleted();
        assertThat(reason).hasMessageContaining(folder.toString());
        assertThat(fixture.results())
                .contains("adapter_unusable", "adapter 'cold' can't be loaded", "server_error")
                .doesNotContain(folder.toString(), "adapter_config.json");
        assertThat(fixture.engine().submitted()).isEmpty();
    }

    @Test
    @DisplayName("Is rejected without loading the adapter if it can never run")
    void refusedBeforeLoading() {
        String body = "{\"id\": \"r\", \"model\": \"cold\", \"prompt\": \"x\", \"max_tokens\": 100000}";
        assertThat(fixture.deliver(1, 0, body)).isCompleted();
        assertThat(fixture.results()).contains("context_length_exceeded");
        assertThat(fixture.noAdapterRequested()).isTrue();
    }

    @Test
    @DisplayName("Holds the lease of its adapter until it ends, also with a failure")
    void holdsUntilTheEnd() {
        try (AdapterStore small = fixture.smallStore()) {
            fixture.deliver(1, "cold");
            fixture.coldLease().complete(small.awaitLease("cold"));
            assertThat(fixture.engine().listeners()).hasSize(1);
            CompletableFuture<AdapterLease> other = small.lease("warm");
            Awaitility.await().until(() -> small.stats().evictions() == 1);
            assertThat(other).isNotDone();
            fixture.engine().listeners().get(0).onFinished(new Failure("r1", "engine_error", "it broke"));
            assertThat(other).succeedsWithin(Duration.ofSeconds(10));
        }
    }

    @Test
    @DisplayName("Is abandoned unanswered and cancels its lease if it is abandoned before the adapter is loaded")
    void abandoned() {
        ReceivedRequest request = fixture.received(1, 0, "{\"model\": \"cold\", \"prompt\": \"x\", \"max_tokens\": 4}");
        CompletableFuture<Answer> answered = fixture.deliver(request);
        fixture.requests().abandon(request);
        assertThat(fixture.coldLease()).isCancelled();
        assertThat(answered).isNotDone();
        assertThat(fixture.engine().submitted()).isEmpty();
    }

    @Test
    @DisplayName("Is not loaded for a request whose reply target refuses it; the result has the error of the target")
    void refusedByTarget() {
        ErrorBody refusal = ErrorBody.invalidRequest("reply_topic_not_allowed", "REPLY_TOPIC", "not allowed");
        ReceivedRequest request = fixture.received(
                1, 0, "{\"model\": \"cold\", \"prompt\": \"x\", \"max_tokens\": 4}", Optional.of(refusal));
        assertThat(fixture.deliver(request)).isCompleted();
        assertThat(fixture.results()).contains("reply_topic_not_allowed", "\"param\":\"REPLY_TOPIC\"");
        assertThat(fixture.noAdapterRequested()).isTrue();
        assertThat(fixture.engine().submitted()).isEmpty();
    }
}
