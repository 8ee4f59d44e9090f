package io.tidemark.generation;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.ReferenceText;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("what fails for one request")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class FailuresTest {

    private FixtureModel fixture;
    private ReferenceText reference;

    @BeforeAll
    void load() {
        fixture = FixtureModel.load("llama-gqa");
        reference = fixture.reference("all");
    }

    @AfterAll
    void close() {
        fixture.close();
    }

    @Test
    @DisplayName("an adapter of another model's sizes, fails for it alone")
    void anAdapterThatDoesNotFit() {
        try (FixtureModel other = FixtureModel.load("llama-biased-mha")) {
            assertFailsAlone(
                    Ask.about("misfit", List.of(5, 6, 7))
                            .with(other.adapter("qv"), 4)
                            .choices(2),
                    "the step failed");
        }
    }

    @Test
    @DisplayName("a token that the model does not know, fails for it alone")
    void anUnknownToken() {
        assertFailsAlone(Ask.about("unknown", List.of(5, 6, 99_999)), "the step failed");
    }

    @Test
    @DisplayName("logits that are not finite, fail for it alone, greedy and sampled, and leave nothing in the slot")
    void logitsThatAreNotFinite(@TempDir Path temp) {
        LoraWeights overflowing = fixture.overflowingAdapter(temp);
        assertFailsAlone(Ask.about("greedy", reference.prompts().get(0).ids()).with(overflowing, 6), "not finite");
        assertFailsAlone(
                Ask.about("sampled", reference.prompts().get(0).ids())
                        .with(overflowing, 6)
                        .sampled(1, 3)
                        .choices(2),
                "not finite");
    }

    @Test
    @DisplayName("a listener that throws, harms neither its own request nor another")
    void aListenerThatThrows() throws RequestRefused {
        CompletableFuture<Outcome> outcome = new CompletableFuture<>();
        try (GenerationEngine engine = start()) {
            engine.submit(
                    Ask.about("throwing", reference.prompts().get(0).ids())
                            .choices(2)
                            .request(),
                    new GenerationListener() {
                        @Override
                        public void onText(int choice, String piece) {
                            throw new IllegalStateException("no text wanted");
                        }

                        @Override
                        public void onChoiceFinished(int choice, FinishReason reason) {
                            throw new IllegalStateException("no ending wanted");
                        }

                        @Override
                        public void onFinished(Outcome ended) {
                            outcome.complete(ended);
                            throw new IllegalStateException("no outcome wanted");
                        }
                    });
            assertOthersAreRight(engine);
            assertThat(((Completion) outcome.orTimeout(30, TimeUnit.SECONDS).join()).choices())
                    .hasSize(2)
                    .allSatisfy(choice -> assertThat(choice.tokens())
                            .isEqualTo(reference.prompts().get(0).greedy().get(0)));
        }
    }

    private void assertFailsAlone(Ask bad, String message) {
        try (GenerationEngine engine = start()) {
            Recording failing = Recording.plain();
            // From a callback, so that the bad row's first step has the others' rows in it.
            Recording first = Recording.onFirstText(() -> GenerationEngineTest.submit(engine, bad, failing));
            GenerationEngineTest.submit(
                    engine, Ask.about("first", reference.prompts().get(3).ids()).tokens(60), first);
            assertOthersAreRight(engine);
            assertThat(failing.failure().id()).isEqualTo(bad.id());
            assertThat(failing.failure().code()).isEqualTo("engine_error");
            assertThat(failing.failure().message())
                    .contains(message)
                    .doesNotContain("\n")
                    .doesNotContain("Traceback");
            assertThat(failing.pieces(0)).isEmpty();
            assertThat(first.choice().tokens())
                    .hasSize(60)
                    .startsWith(reference.prompts().get(3).greedy().get(0).toArray(Integer[]::new));
            assertOthersAreRight(engine);
            assertThat(engine.isAlive()).isTrue();
        }
    }

    /** Fills every slot, the one that the failed row had too. */
    private void assertOthersAreRight(GenerationEngine engine) {
        List<Recording> others =
                IntStream.range(0, 8).mapToObj(i -> Recording.plain()).toList();
        for (int i = 0; i < others.size(); i++) {
            GenerationEngineTest.submit(
                    engine,
                    Ask.about("other" + i, reference.prompts().get(i % 4).ids()).with(fixture.adapter("all"), i % 7),
                    others.get(i));
        }
        for (int i = 0; i < others.size(); i++) {
            assertThat(others.get(i).choice().tokens())
                    .as("other %d", i)
                    .isEqualTo(reference.prompts().get(i % 4).greedy().get(i % 7));
        }
    }

    private GenerationEngine start() {
        return GenerationEngine.start(fixture.model(), new EngineLimits(4, 32, 1L << 30));
    }
}
