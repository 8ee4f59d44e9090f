package io.tidemark.generation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.ReferenceText;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

@DisplayName("Generation engine")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class GenerationEngineTest {

    private static final EngineLimits LIMITS = new EngineLimits(8, 48, 1L << 30);

    private FixtureModel fixture;
    private LoraWeights all;
    private ReferenceText reference;

    @BeforeAll
    void load() {
        fixture = FixtureModel.load("llama-gqa");
        all = fixture.adapter("all");
        reference = fixture.reference("all");
    }

    @AfterAll
    void close() {
        fixture.close();
    }

    @Test
    @DisplayName("Greedy text equals the reference in a batch with other adapters, boundaries and sampling parameters")
    void equalsTheReference() throws RequestRejectedException {
        Map<String, ReferenceText> references = Map.of("all", reference, "qv", fixture.reference("qv"));
        Map<RecordingListener, List<Integer>> expected = new IdentityHashMap<>();
        try (GenerationEngine engine = start(LIMITS)) {
            for (int boundary = 0; boundary <= 6; boundary++) {
                for (int prompt = 0; prompt < 5; prompt++) {
                    for (String adapter : references.keySet()) {
                        ReferenceText.Prompt of =
                                references.get(adapter).prompts().get(prompt);
                        RecordingListener greedy = RecordingListener.plain();
                        expected.put(greedy, of.greedy().get(boundary));
                        engine.submit(
                                TestRequest.of(adapter + boundary + prompt, of.ids())
                                        .with(fixture.adapter(adapter), boundary)
                                        .request(),
                                greedy);
                    }
                    engine.submit(
                            TestRequest.of(
                                            "noise",
                                            reference.prompts().get(prompt).ids())
                                    .sampled(1.5, boundary)
                                    .tokens(1 + 3 * prompt)
                                    .request(),
                            RecordingListener.plain());
                }
            }
            expected.forEach((recording, tokens) -> {
                assertThat(recording.choice().tokens())
                        .as(recording.completion().id())
                        .isEqualTo(tokens);
                assertThat(recording.choice().text())
                        .isEqualTo(fixture.model().tokenizer().decode(tokens))
                        .isEqualTo(recording.text(0));
                assertThat(recording.endings())
                        .containsExactly("0 " + recording.choice().finishReason());
            });
        }
    }

    @Test
    @DisplayName("A request without adapter has the text of the base model")
    void equalsTheBaseModel() throws RequestRejectedException {
        ReferenceText.Prompt prompt = reference.prompts().get(1);
        assertThat(run(TestRequest.of("base", prompt.ids())).choice().tokens())
                .isEqualTo(prompt.greedy().get(0));
    }

    @Test
    @DisplayName("A request joins the running batch at any step and can end before older ones")
    void joinsARunningBatch() throws RequestRejectedException {
        ReferenceText.Prompt prompt = reference.prompts().get(2);
        AtomicReference<RecordingListener> first = new AtomicReference<>();
        List<Boolean> firstStillRan = new ArrayList<>();
        RecordingListener joining = RecordingListener.onFinished(
                () -> firstStillRan.add(!first.get().hasEnded()));
        try (GenerationEngine engine = start(LIMITS)) {
            first.set(RecordingListener.onFirstText(
                    () -> submit(engine, TestRequest.of("joining", prompt.ids()).with(all, 4), joining)));
            engine.submit(longRequest("first").request(), first.get());
            assertThat(joining.choice().tokens()).isEqualTo(prompt.greedy().get(4));
            assertThat(first.get().choice().tokens()).hasSize(200);
            assertThat(firstStillRan).containsExactly(true);
        }
    }

    @Test
    @DisplayName("A request has n choices with different random numbers, and a choice does not depend on n")
    void hasChoices() throws RequestRejectedException {
        TestRequest request = TestRequest.of("many", reference.prompts().get(0).ids())
                .with(all, 5)
                .sampled(1, 17)
                .tokens(10);
        RecordingListener three = run(request.choices(3));
        List<Completion.GeneratedChoice> choices = three.completion().choices();
        assertThat(choices).extracting(Completion.GeneratedChoice::index).containsExactly(0, 1, 2);
        assertThat(new HashSet<>(
                        choices.stream().map(Completion.GeneratedChoice::tokens).toList()))
                .hasSize(3);
        choices.forEach(choice -> assertThat(three.text(choice.index())).isEqualTo(choice.text()));
        assertThat(three.completion().usage().completionTokens())
                .isEqualTo(choices.stream().mapToInt(c -> c.tokens().size()).sum());
        assertThat(three.completion().usage().promptTokens())
                .isEqualTo(request.prompt().size());
        assertThat(run(request).choice().tokens()).isEqualTo(choices.get(0).tokens());
        assertThat(run(request.choices(2)).completion().choices().get(1).tokens())
                .isEqualTo(choices.get(1).tokens());
    }

    @Test
    @DisplayName("The text depends on the seed, not on the other sequences of the batch")
    void dependsOnTheSeed() throws RequestRejectedException {
        TestRequest request = TestRequest.of(
                        "seeded", reference.prompts().get(1).ids())
                .with(all, 3)
                .sampled(0.9, 1234)
                .tokens(24);
        List<Integer> alone = run(request).choice().tokens();
        assertThat(run(request.sampled(0.9, 1235)).choice().tokens()).isNotEqualTo(alone);
        try (GenerationEngine engine = start(LIMITS)) {
            IntStream.range(0, 12)
                    .forEach(i -> submit(
                            engine,
                            TestRequest.of(
                                            "noise" + i,
                                            reference.prompts().get(i % 5).ids())
                                    .with(fixture.adapter("qv"), i % 7)
                                    .sampled(1 + i * 0.1, i)
                                    .tokens(3 + i),
                            RecordingListener.plain()));
            RecordingListener among = RecordingListener.plain();
            engine.submit(request.request(), among);
            assertThat(among.choice().tokens()).isEqualTo(alone);
        }
    }

    @Test
    @DisplayName("Each token has a log-probability if the request has logprobs, otherwise none")
    void hasLogprobs() throws RequestRejectedException {
        TestRequest request =
                TestRequest.of("logprobs", reference.prompts().get(3).ids()).with(all, 6);
        Completion.GeneratedChoice choice = run(request.logprobs(2)).choice();
        assertThat(choice.logprobs()).extracting(Completion.ScoredToken::token).isEqualTo(choice.tokens());
        choice.logprobs().forEach(logprob -> {
            assertThat(logprob.logprob())
                    .isNegative()
                    .isCloseTo(logprob.top().get(0).logprob(), within(1e-6));
            assertThat(logprob.top()).hasSize(2);
            assertThat(logprob.top().get(0).token()).isEqualTo(logprob.token());
            assertThat(logprob.text()).isEqualTo(fixture.model().tokenizer().decode(List.of(logprob.token())));
        });
        assertThat(run(request).choice().logprobs()).isEmpty();
    }

    @Test
    @DisplayName("A completion has the times in the queue, to the first token and in total")
    void isTimed() throws RequestRejectedException {
        Completion.Timing timing = run(longRequest("timed")).completion().timing();
        assertThat(timing.queuedMs()).isNotNegative();
        assertThat(timing.firstTokenMs()).isPositive();
        assertThat(timing.totalMs()).isGreaterThan(timing.queuedMs() + timing.firstTokenMs());
    }

    @Test
    @DisplayName("A request that exceeds context, sequences or memory is refused, and the refusal names the field")
    void refusesRequestsThatCannotRun() throws RequestRejectedException {
        long slotBytes = 64 * fixture.model().decoder().kvBytesPerToken();
        try (GenerationEngine engine = start(new EngineLimits(4, 16, 3 * slotBytes))) {
            assertRefused(engine, TestRequest.of("a", tokens(500)).tokens(13), "context_length_exceeded", "max_tokens");
            assertRefused(engine, TestRequest.of("b", tokens(512)).tokens(1), "context_length_exceeded", "prompt");
            assertRefused(
                    engine,
                    TestRequest.of("c", tokens(2)).tokens(Integer.MAX_VALUE),
                    "context_length_exceeded",
                    "max_tokens");
            assertRefused(engine, TestRequest.of("d", tokens(2)).choices(5), "out_of_range", "n");
            assertRefused(
                    engine, TestRequest.of("e", tokens(60)).tokens(4).choices(4), "kv_budget_exceeded", "max_tokens");
            assertRefused(engine, TestRequest.of("f", tokens(250)).tokens(6), "kv_budget_exceeded", "max_tokens");
            RecordingListener possible = RecordingListener.plain();
            engine.submit(TestRequest.of("g", tokens(60)).tokens(4).choices(3).request(), possible);
            assertThat(possible.completion().choices()).hasSize(3);
        }
    }

    private static void assertRefused(GenerationEngine engine, TestRequest request, String code, String param) {
        assertThatThrownBy(() -> engine.submit(request.request(), RecordingListener.plain()))
                .isInstanceOfSatisfying(RequestRejectedException.class, refused -> {
                    assertThat(refused.code()).isEqualTo(code);
                    assertThat(refused.param()).isEqualTo(param);
                });
    }

    private RecordingListener run(TestRequest request) throws RequestRejectedException {
        RecordingListener recording = RecordingListener.plain();
        try (GenerationEngine engine = start(LIMITS)) {
            engine.submit(request.request(), recording);
            recording.outcome();
        }
        return recording;
    }

    /** A request of 200 tokens, for which the base model generates no end-of-sequence token. */
    private TestRequest longRequest(String id) {
        return TestRequest.of(id, reference.prompts().get(3).ids()).tokens(200);
    }

    private static List<Integer> tokens(int count) {
        return Collections.nCopies(count, 77);
    }

    private GenerationEngine start(EngineLimits limits) {
        return GenerationEngine.start(fixture.model(), limits);
    }

    static void submit(GenerationEngine engine, TestRequest request, RecordingListener recording) {
        try {
            engine.submit(request.request(), recording);
        } catch (RequestRejectedException e) {
            throw new IllegalStateException(e);
        }
    }
}
