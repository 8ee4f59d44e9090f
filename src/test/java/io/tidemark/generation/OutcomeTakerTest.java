package io.tidemark.generation;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.fixture.FixtureModel;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@DisplayName("A listener that throws while it takes the outcome of its request")
@Timeout(60)
class OutcomeTakerTest {

    private static final List<Integer> PROMPT = List.of(5, 6, 7);

    private FixtureModel fixture;
    private GenerationEngine engine;
    private final List<Outcome> outcomes = new CopyOnWriteArrayList<>();
    private final CompletableFuture<Void> done = new CompletableFuture<>();

    @BeforeEach
    void start() {
        fixture = FixtureModel.load("llama-gqa");
        engine = GenerationEngine.start(fixture.model(), new EngineLimits(2, 32, 1L << 30));
    }

    @AfterEach
    void close() {
        engine.close();
        fixture.close();
    }

    @Test
    @DisplayName("An exception once: gets the failure internal_error, and the engine goes on")
    void exception() throws Exception {
        submit(outcome -> {
            outcomes.add(outcome);
            if (outcomes.size() == 1) {
                throw new IllegalStateException("planted");
            }
            done.complete(null);
        });
        done.get(30, TimeUnit.SECONDS);
        assertThat(outcomes.get(0)).isInstanceOf(Completion.class);
        assertThat(outcomes.get(1))
                .isInstanceOfSatisfying(
                        Outcome.Failure.class,
                        failure -> assertThat(failure.code()).isEqualTo("internal_error"));
        RecordingListener other = RecordingListener.plain();
        engine.submit(TestRequest.of("other", PROMPT).request(), other);
        assertThat(other.completion()).isNotNull();
        assertThat(engine.isAlive()).isTrue();
    }

    @Test
    @DisplayName("An exception twice: ends the engine, so that the request does not stay open, and fails the others")
    void exceptionTwice() throws Exception {
        RecordingListener other = running();
        submit(outcome -> {
            outcomes.add(outcome);
            throw new IllegalStateException("planted");
        });
        engine.failure().toCompletableFuture().get(30, TimeUnit.SECONDS);
        assertThat(other.failure().code()).isEqualTo("engine_error");
    }

    @Test
    @DisplayName("An error: ends the engine, is told of the failure, and the others fail")
    void error() throws Exception {
        RecordingListener other = running();
        submit(outcome -> {
            outcomes.add(outcome);
            if (outcomes.size() == 1) {
                throw new OutOfMemoryError("planted");
            }
            done.complete(null);
        });
        engine.failure().toCompletableFuture().get(30, TimeUnit.SECONDS);
        done.get(30, TimeUnit.SECONDS);
        assertThat(outcomes.get(1))
                .isInstanceOfSatisfying(
                        Outcome.Failure.class,
                        failure -> assertThat(failure.code()).isEqualTo("engine_error"));
        assertThat(other.failure().code()).isEqualTo("engine_error");
    }

    private RecordingListener running() throws RequestRejectedException {
        RecordingListener running = RecordingListener.plain();
        engine.submit(
                TestRequest.of("running", PROMPT)
                        .stopAt(StopConditions.afterExactly(500))
                        .request(),
                running);
        return running;
    }

    private void submit(GenerationListener listener) throws RequestRejectedException {
        engine.submit(TestRequest.of("r", PROMPT).request(), listener);
    }
}
