package io.tidemark.request;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.adapter.AdapterStore;
import io.tidemark.generation.EngineRequest;
import io.tidemark.message.CancellationMessage;
import java.time.Duration;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A request that waits for its admission")
class WaitingAdmissionsTest {

    private final RequestRunnerFixture fixture = new RequestRunnerFixture();
    private Deque<Runnable> threads;

    @BeforeEach
    void hold() {
        threads = fixture.holdAdmissions();
    }

    @AfterEach
    void closeFixture() {
        fixture.close();
    }

    @Test
    @DisplayName("Ends at its deadline or when it is cancelled, before other requests of its tenant are tokenized")
    void ends() {
        fixture.deliver(1, "warm");
        fixture.deliver(2, "warm");
        CompletableFuture<Answer> deadline = fixture.deliver(3, now(), body(3, ", \"timeout_ms\": 3000"));
        CompletableFuture<Answer> cancelled = fixture.deliver(4, now(), body(4, ""));
        fixture.time().sleep(Duration.ofSeconds(4));
        fixture.requests().cancel(CancellationMessage.ofId("r4"), now());
        // a second reason has no effect
        fixture.requests().cancel(CancellationMessage.ofId("r3"), now());
        assertThat(threads).hasSize(1);
        for (int i = 0; i < 3; i++) {
            threads.remove().run();
        }
        assertThat(deadline)
                .isCompletedWithValueMatching(answer -> answer.outcome().equals("deadline"));
        assertThat(cancelled)
                .isCompletedWithValueMatching(answer -> answer.outcome().equals("cancelled"));
        assertThat(submitted()).containsExactly("requests-0-1#1");
        runAll();
        assertThat(submitted()).containsExactly("requests-0-1#1", "requests-0-2#2");
        assertThat(fixture.answers()).hasSize(2);
    }

    @Test
    @DisplayName("Leaves no task behind when it ends, whatever its priority")
    void leavesNothing() {
        fixture.deliver(1, "warm");
        ReceivedRequest abandoned = fixture.received(2, now(), body(2, ", \"priority\": 9"));
        fixture.deliver(abandoned);
        fixture.deliver(3, now(), body(3, ", \"priority\": 9"));
        fixture.requests().abandon(abandoned);
        fixture.requests().cancel(CancellationMessage.ofId("r3"), now());
        // the first request and the end of the third one
        threads.remove().run();
        threads.remove().run();
        assertThat(threads).isEmpty();
        assertThat(fixture.answers()).hasSize(1);
    }

    @Test
    @DisplayName("Cancels the lease for which it waits when it ends")
    void cancelsItsLease() {
        fixture.deliver(1, now(), body(1, ", \"timeout_ms\": 3000").replace("warm", "cold"));
        runAll();
        assertThat(fixture.coldLease()).isNotDone();
        fixture.time().sleep(Duration.ofSeconds(4));
        assertThat(fixture.coldLease()).isCancelled();
    }

    @Test
    @DisplayName("Gets an error when it ends and is not valid, and one result")
    void invalid() {
        fixture.deliver(1, "warm");
        CompletableFuture<Answer> answered =
                fixture.deliver(2, now(), body(2, ", \"timeout_ms\": 3000, \"top_p\": \"x\""));
        fixture.time().sleep(Duration.ofSeconds(4));
        runAll();
        assertThat(answered)
                .isCompletedWithValueMatching(answer -> answer.outcome().equals("invalid_type"));
        assertThat(answered.join().result().id()).isEqualTo("r2");
        assertThat(fixture.answers()).hasSize(1);
    }

    @Test
    @DisplayName("Comes before requests of its tenant with a larger priority")
    void priority() {
        fixture.deliver(1, now(), body(1, ""));
        fixture.deliver(2, now(), body(2, ", \"priority\": 5"));
        fixture.deliver(3, now(), body(3, ", \"priority\": -5"));
        fixture.deliver(4, now(), body(4, ""));
        runAll();
        assertThat(submitted()).containsExactly("requests-0-1#1", "requests-0-3#3", "requests-0-4#4", "requests-0-2#2");
    }

    @Test
    @DisplayName("Is in the engine after one turn if its adapter is loaded; if not, it comes next once it is loaded")
    void adapters() {
        fixture.deliver(1, "cold");
        fixture.deliver(2, "warm");
        fixture.deliver(3, "warm");
        threads.remove().run();
        threads.remove().run();
        assertThat(submitted()).containsExactly("requests-0-2#2");
        fixture.deliver(4, "warm");
        fixture.coldLease().complete(fixture.store().awaitLease("cold"));
        runAll();
        assertThat(submitted()).containsExactly("requests-0-2#2", "requests-0-3#3", "requests-0-1#1", "requests-0-4#4");
    }

    @Test
    @DisplayName("Gives its adapter back if it is abandoned while the adapter loads")
    void abandoned() {
        ReceivedRequest request = fixture.received(1, now(), body(1, "").replace("warm", "cold"));
        fixture.deliver(request);
        runAll();
        try (AdapterStore store = fixture.smallStore()) {
            fixture.coldLease().complete(store.awaitLease("cold"));
            fixture.requests().abandon(request);
            runAll();
            assertThat(submitted()).isEmpty();
            // there is memory for one adapter
            assertThat(store.lease("warm")).succeedsWithin(Duration.ofSeconds(30));
        }
    }

    private List<String> submitted() {
        return fixture.engine().submitted().stream().map(EngineRequest::id).toList();
    }

    private static String body(int offset, String more) {
        return "{\"id\": \"r%d\", \"model\": \"warm\", \"prompt\": \"x\", \"max_tokens\": 4%s}".formatted(offset, more);
    }

    private void runAll() {
        while (!threads.isEmpty()) {
            threads.remove().run();
        }
    }

    private long now() {
        return fixture.time().instant().toEpochMilli();
    }
}
