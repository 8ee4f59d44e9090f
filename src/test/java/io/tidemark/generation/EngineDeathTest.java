package io.tidemark.generation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.tidemark.fixture.FixtureModel;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("an engine whose thread meets an error")
class EngineDeathTest {

    private static final List<Integer> PROMPT = List.of(5, 6, 7);

    @Test
    @DisplayName("says that it dies, then fails what it had to do, and takes no more")
    void dies() throws RequestRefused {
        try (FixtureModel fixture = FixtureModel.load("llama-gqa");
                GenerationEngine engine = GenerationEngine.start(fixture.model(), new EngineLimits(2, 32, 1L << 30))) {
            List<String> heard = new CopyOnWriteArrayList<>();
            engine.death().thenRun(() -> heard.add("death"));
            Recording running = Recording.onFinished(() -> heard.add("running"));
            Recording waiting = Recording.onFinished(() -> heard.add("waiting"));
            engine.submit(
                    Ask.about("running", PROMPT)
                            .stopAt(StopConditions.afterExactly(500))
                            .request(),
                    running);
            engine.submit(Ask.about("deadly", PROMPT).request(), Recording.onFirstText(() -> {
                throw new OutOfMemoryError("for this test");
            }));
            engine.submit(Ask.about("waiting", PROMPT).request(), waiting);

            assertThat(running.failure().code()).isEqualTo("engine_error");
            assertThat(waiting.failure().code()).isEqualTo("engine_error");
            assertThat(heard)
                    .containsExactlyInAnyOrder("death", "running", "waiting")
                    .startsWith("death");
            Awaitility.await().until(() -> !engine.isAlive());
            assertThatIllegalStateException()
                    .isThrownBy(() -> engine.submit(Ask.about("late", PROMPT).request(), Recording.plain()));
        }
    }

    @Test
    @DisplayName("does not die by being closed")
    void isClosed() {
        try (FixtureModel fixture = FixtureModel.load("llama-gqa")) {
            GenerationEngine engine = GenerationEngine.start(fixture.model(), new EngineLimits(2, 32, 1L << 30));
            engine.close();
            assertThat(engine.death().toCompletableFuture()).isNotDone();
        }
    }
}
