package io.tidemark.generation;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.ReferenceText;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Failure of one request")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class RequestFailureTest {

    @AutoClose
    private final FixtureModel fixture = FixtureModel.load("llama-gqa");

    private final ReferenceText reference = fixture.reference("all");

    @Test
    @DisplayName("An adapter with the sizes of another model fails its request only")
    void anAdapterThatDoesNotFit() {
        try (FixtureModel other = FixtureModel.load("llama-biased-mha")) {
            assertFailsAlone(
                    TestRequest.of("misfit", List.of(5, 6, 7))
                            .with(other.adapter("qv"), 4)
                            .choices(2),
                    "the step failed");
        }
    }

    @Test
    @DisplayName("A token outside of the vocabulary fails its request only")
    void anUnknownToken() {
        assertFailsAlone(TestRequest.of("unknown", List.of(5, 6, 99_999)), "the step failed");
    }

    @Test
    @DisplayName("Logits that are not finite fail their request only, greedy or sampled, and the KV slot is cleared")
    void logitsThatAreNotFinite(@TempDir Path temp) {
        LoraWeights overflowing = fixture.overflowingAdapter(temp);
        assertFailsAlone(
                TestRequest.of("greedy", reference.prompts().get(0).ids()).with(overflowing, 6), "not finite");
        assertFailsAlone(
                TestRequest.of("sampled", reference.prompts().get(0).ids())
                        .with(overflowing, 6)
                        .sampled(1, 3)
                        .choices(2),
                "not finite");
    }

    @Test
    @DisplayName("Logits that are not finite fail their request only, also if its prompt is in one step with others")
    void promptsOfOneStep(@TempDir Path temp) {
        LoraWeights overflowing = fixture.overflowingAdapter(temp);
        List<Integer> prompt = reference.prompts().get(0).ids();
        for (int boundary = 0; boundary <= 6; boundary++) {
            RecordingListener failing = RecordingListener.plain();
            RecordingListener other = RecordingListener.plain();
            TestRequest good = TestRequest.of("other", prompt).with(fixture.adapter("all"), boundary);
            try (GenerationEngine engine = start()) {
                // both from one callback, so that one step has both prompts
                RecordingListener first = RecordingListener.onFirstText(() -> {
                    GenerationEngineTest.submit(
                            engine, TestRequest.of("failing", prompt).with(overflowing, 6), failing);
                    GenerationEngineTest.submit(engine, good, other);
                });
                GenerationEngineTest.submit(
                        engine,
                        TestRequest.of("first", reference.prompts().get(3).ids())
                                .tokens(60),
                        first);
                assertThat(failing.failure().message()).contains("not finite");
                assertThat(other.choice().tokens())
                        .as("boundary %d", boundary)
                        .isEqualTo(reference.prompts().get(0).greedy().get(boundary));
            }
        }
    }

    @Test
    @DisplayName("An exception of a listener that takes text affects neither its own request nor others")
    void aListenerThatThrows() throws RequestRejectedException {
        CompletableFuture<Outcome> outcome = new CompletableFuture<>();
        try (GenerationEngine engine = start()) {
            engine.submit(
                    TestRequest.of("throwing", reference.prompts().get(0).ids())
                            .choices(2)
                            .request(),
                    new GenerationListener() {
                        @Override
                        public void onText(int choice, String chunk) {
                            throw new IllegalStateException("onText fails");
                        }

                        @Override
                        public void onChoiceFinished(int choice, FinishReason reason) {
                            throw new IllegalStateException("onChoiceFinished fails");
                        }

                        @Override
                        public void onFinished(Outcome ended) {
                            outcome.complete(ended);
                        }
                    });
            assertOthersAreRight(engine);
            assertThat(((Completion) outcome.orTimeout(30, TimeUnit.SECONDS).join()).choices())
                    .hasSize(2)
                    .allSatisfy(choice -> assertThat(choice.tokens())
                            .isEqualTo(reference.prompts().get(0).greedy().get(0)));
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    @DisplayName("Text that can't be decoded fails its request, also when it is cancelled, and the engine goes on")
    void textThatCanNotBeDecoded(boolean cancelled) {
        try (FixtureModel own = FixtureModel.load("llama-gqa");
                GenerationEngine engine = GenerationEngine.start(own.model(), new EngineLimits(4, 64, 1L << 30))) {
            Function<String, TestRequest> request =
                    id -> TestRequest.of(id, reference.prompts().get(3).ids())
                            // a second choice would fail in the same step, before the cancellation
                            .choices(cancelled ? 1 : 2)
                            .tokens(60);
            RecordingListener broken = RecordingListener.onFirstText(() -> {
                own.model().tokenizer().close();
                if (cancelled) {
                    engine.cancel("broken", FinishReason.CANCELLED);
                }
            });
            GenerationEngineTest.submit(engine, request.apply("broken"), broken);
            // the cancellation may come after the failure, so the next request has another id
            for (RecordingListener failing : List.of(broken, submitted(engine, request.apply("next")))) {
                assertThat(failing.failure().code()).isEqualTo("engine_error");
                assertThat(failing.failure().message()).contains("could not be decoded");
            }
            assertThat(engine.isAlive()).isTrue();
        }
    }

    private static RecordingListener submitted(GenerationEngine engine, TestRequest request) {
        RecordingListener listener = RecordingListener.plain();
        GenerationEngineTest.submit(engine, request, listener);
        return listener;
    }

    private void assertFailsAlone(TestRequest bad, String message) {
        try (GenerationEngine engine = start()) {
            RecordingListener failing = RecordingListener.plain();
            // from a callback, so that the first step of the failing request has other rows
            RecordingListener first =
                    RecordingListener.onFirstText(() -> GenerationEngineTest.submit(engine, bad, failing));
            GenerationEngineTest.submit(
                    engine,
                    TestRequest.of("first", reference.prompts().get(3).ids()).tokens(60),
                    first);
            assertOthersAreRight(engine);
            assertThat(failing.failure().id()).isEqualTo(bad.id());
            assertThat(failing.failure().code()).isEqualTo("engine_error");
            assertThat(failing.failure().message())
                    .contains(message)
                    .doesNotContain("\n")
                    .doesNotContain("Traceback");
            assertThat(failing.text(0)).isEmpty();
            assertThat(first.choice().tokens())
                    .hasSize(60)
                    .startsWith(reference.prompts().get(3).greedy().get(0).toArray(Integer[]::new));
            assertOthersAreRight(engine);
            assertThat(engine.isAlive()).isTrue();
        }
    }

    /** Uses all KV slots, including that of the failed sequence. */
    private void assertOthersAreRight(GenerationEngine engine) {
        List<RecordingListener> others =
                IntStream.range(0, 8).mapToObj(i -> RecordingListener.plain()).toList();
        for (int i = 0; i < others.size(); i++) {
            GenerationEngineTest.submit(
                    engine,
                    TestRequest.of("other" + i, reference.prompts().get(i % 4).ids())
                            .with(fixture.adapter("all"), i % 7),
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
