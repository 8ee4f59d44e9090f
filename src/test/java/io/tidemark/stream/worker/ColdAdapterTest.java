package io.tidemark.stream.worker;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.adapter.AdapterLease;
import io.tidemark.adapter.AdapterRefused;
import io.tidemark.adapter.AdapterStore;
import io.tidemark.generation.Outcome.Failure;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("a request whose adapter is not in memory")
class ColdAdapterTest {

    private final DeskFixture at = new DeskFixture();

    @AfterEach
    void closeDesk() {
        at.close();
    }

    @Test
    @DisplayName("waits for it, and one behind it whose adapter is there does not")
    void warmOvertakes() {
        at.ask(1, "cold");
        at.ask(2, "warm");
        Awaitility.await().until(() -> at.engine().submitted().size() == 1);
        assertThat(at.engine().submitted().get(0).id()).startsWith("r2@");
        at.awaitColdAsked().complete(at.store().awaitLease("cold"));
        Awaitility.await().until(() -> at.engine().submitted().size() == 2);
        assertThat(at.engine().submitted().get(1).lora()).isPresent();
    }

    @Test
    @DisplayName("gets an error with the reason when the adapter can't be loaded")
    void refused(@TempDir Path folder) throws Exception {
        Files.writeString(folder.resolve("adapter_config.json"), "{");
        AdapterRefused reason = null;
        try {
            at.store().register("broken", folder);
        } catch (AdapterRefused e) {
            reason = e;
        }
        CompletableFuture<Void> answered = at.ask(1, "cold");
        at.awaitColdAsked().completeExceptionally(reason);
        assertThat(answered).succeedsWithin(Duration.ofSeconds(10));
        assertThat(at.results()).contains("adapter_unusable", "adapter_config.json", "server_error");
        assertThat(at.engine().submitted()).isEmpty();
    }

    @Test
    @DisplayName("is refused before anything is loaded, when it can't run anyway")
    void refusedBeforeLoading() {
        String body = "{\"id\": \"r\", \"model\": \"cold\", \"prompt\": \"x\", \"max_tokens\": 100000}";
        assertThat(at.ask(1, 0, body)).succeedsWithin(Duration.ofSeconds(10));
        assertThat(at.results()).contains("context_length_exceeded");
        assertThat(at.nothingIsAsked()).isTrue();
    }

    @Test
    @DisplayName("holds its adapter until its end, whatever the end is")
    void holdsUntilTheEnd() {
        try (AdapterStore small = at.smallStore()) {
            at.ask(1, "cold");
            at.awaitColdAsked().complete(small.awaitLease("cold"));
            Awaitility.await().until(() -> at.engine().listeners().size() == 1);
            CompletableFuture<AdapterLease> other = small.lease("warm");
            Awaitility.await().until(() -> small.stats().evictions() == 1);
            assertThat(other).isNotDone();
            at.engine().listeners().get(0).onFinished(new Failure("r1", "engine_error", "it broke"));
            assertThat(other).succeedsWithin(Duration.ofSeconds(10));
        }
    }

    @Test
    @DisplayName("is handed back unanswered, and lets its adapter go, when the worker stops before it came")
    void handedBack() {
        CompletableFuture<Void> answered = at.ask(1, "cold");
        at.awaitColdAsked();
        assertThat(at.desk().finishOrHandBack(Duration.ZERO)).isEqualTo(1);
        try (AdapterStore small = at.smallStore()) {
            at.awaitColdAsked().complete(small.awaitLease("cold"));
            assertThat(small.lease("warm")).succeedsWithin(Duration.ofSeconds(10));
        }
        assertThat(answered).isNotDone();
        assertThat(at.engine().submitted()).isEmpty();
    }
}
