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

@DisplayName("a request's text")
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
    @DisplayName(
            "is the reference's greedy text, however many others with other adapters, boundaries and sampling run beside it")
    void isTheReferences() throws RequestRefused {
        Map<String, ReferenceText> references = Map.of("all", reference, "qv", fixture.reference("qv"));
        Map<Recording, List<Integer>> expected = new IdentityHashMap<>();
        try (GenerationEngine engine = start(LIMITS)) {
            for (int boundary = 0; boundary <= 6; boundary++) {
                for (int prompt = 0; prompt < 5; prompt++) {
                    for (String adapter : references.keySet()) {
                        ReferenceText.Prompt of =
                                references.get(adapter).prompts().get(prompt);
                        Recording greedy = Recording.plain();
                        expected.put(greedy, of.greedy().get(boundary));
                        engine.submit(
                                Ask.about(adapter + boundary + prompt, of.ids())
                                        .with(fixture.adapter(adapter), boundary)
                                        .request(),
                                greedy);
                    }
                    engine.submit(
                            Ask.about("noise", reference.prompts().get(prompt).ids())
                                    .sampled(1.5, boundary)
                                    .tokens(1 + 3 * prompt)
                                    .request(),
                            Recording.plain());
                }
            }
            expected.forEach((recording, tokens) -> {
                assertThat(recording.choice().tokens())
                        .as(recording.completion().id())
                        .isEqualTo(tokens);
                assertThat(recording.choice().text())
                        .isEqualTo(fixture.model().tokenizer().decode(tokens))
                        .isEqualTo(recording.pieces(0));
                assertThat(recording.endings())
                        .containsExactly("0 " + recording.choice().finishReason());
            });
        }
    }

    @Test
    @DisplayName("without an adapter is the base model's")
    void isTheBaseModels() throws RequestRefused {
        ReferenceText.Prompt prompt = reference.prompts().get(1);
        assertThat(run(Ask.about("base", prompt.ids())).choice().tokens())
                .isEqualTo(prompt.greedy().get(0));
    }

    @Test
    @DisplayName("comes while others run: a row joins the batch at any step and leaves before those that came first")
    void joinsARunningBatch() throws RequestRefused {
        ReferenceText.Prompt prompt = reference.prompts().get(2);
        AtomicReference<Recording> first = new AtomicReference<>();
        List<Boolean> firstStillRan = new ArrayList<>();
        Recording joining =
                Recording.onFinished(() -> firstStillRan.add(!first.get().hasEnded()));
        try (GenerationEngine engine = start(LIMITS)) {
            first.set(Recording.onFirstText(
                    () -> submit(engine, Ask.about("joining", prompt.ids()).with(all, 4), joining)));
            engine.submit(longRequest("first").request(), first.get());
            assertThat(joining.choice().tokens()).isEqualTo(prompt.greedy().get(4));
            assertThat(first.get().choice().tokens()).hasSize(200);
            assertThat(firstStillRan).containsExactly(true);
        }
    }

    @Test
    @DisplayName("comes in n choices, each with its own random numbers, each the same whatever n is")
    void hasChoices() throws RequestRefused {
        Ask ask = Ask.about("many", reference.prompts().get(0).ids())
                .with(all, 5)
                .sampled(1, 17)
                .tokens(10);
        Recording three = run(ask.choices(3));
        List<Completion.Choice> choices = three.completion().choices();
        assertThat(choices).extracting(Completion.Choice::index).containsExactly(0, 1, 2);
        assertThat(new HashSet<>(choices.stream().map(Completion.Choice::tokens).toList()))
                .hasSize(3);
        choices.forEach(choice -> assertThat(three.pieces(choice.index())).isEqualTo(choice.text()));
        assertThat(three.completion().usage().completionTokens())
                .isEqualTo(choices.stream().mapToInt(c -> c.tokens().size()).sum());
        assertThat(three.completion().usage().promptTokens())
                .isEqualTo(ask.prompt().size());
        assertThat(run(ask).choice().tokens()).isEqualTo(choices.get(0).tokens());
        assertThat(run(ask.choices(2)).completion().choices().get(1).tokens())
                .isEqualTo(choices.get(1).tokens());
    }

    @Test
    @DisplayName("depends on the seed, and not on what runs beside it")
    void dependsOnTheSeed() throws RequestRefused {
        Ask ask = Ask.about("seeded", reference.prompts().get(1).ids())
                .with(all, 3)
                .sampled(0.9, 1234)
                .tokens(24);
        List<Integer> alone = run(ask).choice().tokens();
        assertThat(run(ask.sampled(0.9, 1235)).choice().tokens()).isNotEqualTo(alone);
        try (GenerationEngine engine = start(LIMITS)) {
            IntStream.range(0, 12)
                    .forEach(i -> submit(
                            engine,
                            Ask.about(
                                            "noise" + i,
                                            reference.prompts().get(i % 5).ids())
                                    .with(fixture.adapter("qv"), i % 7)
                                    .sampled(1 + i * 0.1, i)
                                    .tokens(3 + i),
                            Recording.plain()));
            Recording among = Recording.plain();
            engine.submit(ask.request(), among);
            assertThat(among.choice().tokens()).isEqualTo(alone);
        }
    }

    @Test
    @DisplayName("comes with a log-probability for each token where asked for, and with none otherwise")
    void hasLogprobs() throws RequestRefused {
        Ask ask = Ask.about("logprobs", reference.prompts().get(3).ids()).with(all, 6);
        Completion.Choice choice = run(ask.logprobs(2)).choice();
        assertThat(choice.logprobs()).extracting(Completion.TokenLogprob::token).isEqualTo(choice.tokens());
        choice.logprobs().forEach(logprob -> {
            assertThat(logprob.logprob())
                    .isNegative()
                    .isCloseTo(logprob.top().get(0).logprob(), within(1e-6));
            assertThat(logprob.top()).hasSize(2);
            assertThat(logprob.top().get(0).token()).isEqualTo(logprob.token());
            assertThat(logprob.text()).isEqualTo(fixture.model().tokenizer().decode(List.of(logprob.token())));
        });
        assertThat(run(ask).choice().logprobs()).isEmpty();
    }

    @Test
    @DisplayName("is measured: time in the queue, to the first token, and in all")
    void isTimed() throws RequestRefused {
        Completion.Timing timing = run(longRequest("timed")).completion().timing();
        assertThat(timing.queuedMs()).isNotNegative();
        assertThat(timing.firstTokenMs()).isPositive();
        assertThat(timing.totalMs()).isGreaterThan(timing.queuedMs() + timing.firstTokenMs());
    }

    @Test
    @DisplayName("is refused when it can never be: by context, by slots, by memory, with the field to blame")
    void refusesTheImpossible() throws RequestRefused {
        long slotBytes = 64 * fixture.model().decoder().kvBytesPerToken();
        try (GenerationEngine engine = start(new EngineLimits(4, 16, 3 * slotBytes))) {
            assertRefused(engine, Ask.about("a", tokens(500)).tokens(13), "context_length_exceeded", "max_tokens");
            assertRefused(engine, Ask.about("b", tokens(512)).tokens(1), "context_length_exceeded", "prompt");
            assertRefused(
                    engine,
                    Ask.about("c", tokens(2)).tokens(Integer.MAX_VALUE),
                    "context_length_exceeded",
                    "max_tokens");
            assertRefused(engine, Ask.about("d", tokens(2)).choices(5), "out_of_range", "n");
            assertRefused(engine, Ask.about("e", tokens(60)).tokens(4).choices(4), "kv_budget_exceeded", "max_tokens");
            assertRefused(engine, Ask.about("f", tokens(250)).tokens(6), "kv_budget_exceeded", "max_tokens");
            Recording possible = Recording.plain();
            engine.submit(Ask.about("g", tokens(60)).tokens(4).choices(3).request(), possible);
            assertThat(possible.completion().choices()).hasSize(3);
        }
    }

    private static void assertRefused(GenerationEngine engine, Ask ask, String code, String param) {
        assertThatThrownBy(() -> engine.submit(ask.request(), Recording.plain()))
                .isInstanceOfSatisfying(RequestRefused.class, refused -> {
                    assertThat(refused.code()).isEqualTo(code);
                    assertThat(refused.param()).isEqualTo(param);
                });
    }

    private Recording run(Ask ask) throws RequestRefused {
        Recording recording = Recording.plain();
        try (GenerationEngine engine = start(LIMITS)) {
            engine.submit(ask.request(), recording);
            recording.outcome();
        }
        return recording;
    }

    /** A request that runs for 200 tokens: the base model does not end this one. */
    private Ask longRequest(String id) {
        return Ask.about(id, reference.prompts().get(3).ids()).tokens(200);
    }

    private static List<Integer> tokens(int count) {
        return Collections.nCopies(count, 77);
    }

    private GenerationEngine start(EngineLimits limits) {
        return GenerationEngine.start(fixture.model(), limits);
    }

    static void submit(GenerationEngine engine, Ask ask, Recording recording) {
        try {
            engine.submit(ask.request(), recording);
        } catch (RequestRefused e) {
            throw new IllegalStateException(e);
        }
    }
}
