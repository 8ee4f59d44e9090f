package io.tidemark.generation;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.adapter.AdapterStore;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import io.tidemark.fixture.TensorFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("a prompt's beginning")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PrefixSharingTest {

    private static final int PIECE = 64;
    private static final EngineLimits SHARING = new EngineLimits(8, 16, 1L << 30, 1L << 28);
    private static final EngineLimits NOT_SHARING = new EngineLimits(8, 16, 1L << 30);

    private FixtureModel fixture;
    private List<Integer> text;

    @BeforeAll
    void load() {
        fixture = FixtureModel.load("llama-gqa");
        text = fixture.tokens(
                        "The boundary layer of name[Blue Spice], eatType[coffee shop] is héllo 🙂 wörld. ".repeat(12))
                .subList(0, 300);
    }

    @AfterAll
    void close() {
        fixture.close();
    }

    @Test
    @DisplayName("runs once for requests that follow each other, and the next one says how much it took over")
    void isTakenOver() throws RequestRefused {
        try (GenerationEngine engine = GenerationEngine.start(fixture.model(), SHARING)) {
            for (int length : List.of(200, 200, 192, 193, 300, 63)) {
                run(engine, about(text.subList(0, length)));
            }
            Ask longest = about(text.subList(0, 300));
            assertThat(run(engine, about(text.subList(0, 200))).usage().cachedTokens())
                    .isEqualTo(3 * PIECE);
            assertThat(run(engine, about(text.subList(0, 192))).usage().cachedTokens())
                    .as("one token must run")
                    .isEqualTo(2 * PIECE);
            assertThat(run(engine, longest).usage().cachedTokens()).isEqualTo(4 * PIECE);
            assertThat(engine.stats().prefixBytes()).as("each piece once").isEqualTo(4 * PIECE * tokenBytes());
            assertThat(run(engine, longest).choices().get(0).tokens()).isEqualTo(unshared(longest));
        }
    }

    @Test
    @DisplayName(
            "is another one for another adapter, another boundary, the base model, and an adapter loaded again under its id")
    void isNeverSharedWrongly(@TempDir Path temp) throws RequestRefused {
        List<Integer> prompt = text.subList(0, 210);
        try (AdapterStore first = new AdapterStore(fixture.model());
                AdapterStore again = new AdapterStore(fixture.model());
                GenerationEngine engine = GenerationEngine.start(fixture.model(), SHARING)) {
            LoraWeights qv =
                    first.load("qv", Folders.adapter("llama-gqa", "qv")).weights();
            List<Ask> asks = new ArrayList<>(List.of(
                    about(prompt),
                    about(prompt).with(fixture.adapter("all"), 6),
                    about(prompt).with(fixture.adapter("all"), 5),
                    about(prompt).with(fixture.adapter("all"), 0),
                    about(prompt).with(qv, 6),
                    about(prompt).with(again.load("qv", louder(temp)).weights(), 6)));
            for (Ask ask : asks) {
                Completion fresh = run(engine, ask);
                assertThat(fresh.usage().cachedTokens())
                        .as("%s at %d", ask.lora(), ask.boundary())
                        .isZero();
                assertThat(fresh.choices().get(0).tokens()).isEqualTo(unshared(ask));
            }
            for (Ask ask : asks) {
                Completion repeated = run(engine, ask);
                assertThat(repeated.usage().cachedTokens()).isEqualTo(3 * PIECE);
                assertThat(repeated.choices().get(0).tokens()).isEqualTo(unshared(ask));
            }
            assertThat(asks.stream().map(this::unshared).distinct().count())
                    .as("adapters and boundaries differ in their text")
                    .isGreaterThan(3);
        }
    }

    @Test
    @DisplayName("ends where two prompts differ, were it in the last token of a piece")
    void endsAtTheDifference() throws RequestRefused {
        try (GenerationEngine engine = GenerationEngine.start(fixture.model(), SHARING)) {
            run(engine, about(text.subList(0, 200)));
            for (int place : List.of(0, 63, 64, 127, 128, 191)) {
                List<Integer> other = new ArrayList<>(text.subList(0, 200));
                other.set(place, (other.get(place) + 1) % 400);
                Completion completion = run(engine, about(other));
                assertThat(completion.usage().cachedTokens())
                        .as("differs at %d", place)
                        .isEqualTo(place / PIECE * PIECE);
                assertThat(completion.choices().get(0).tokens()).isEqualTo(unshared(about(other)));
            }
        }
    }

    @Test
    @DisplayName("is not kept of a row that failed")
    void failedRowsGiveNothing(@TempDir Path temp) throws RequestRefused {
        LoraWeights overflowing = fixture.overflowingAdapter(temp);
        try (GenerationEngine engine = GenerationEngine.start(fixture.model(), SHARING)) {
            Ask bad = about(text.subList(0, 200)).with(overflowing, 6);
            for (int i = 0; i < 2; i++) {
                Recording recording = Recording.plain();
                engine.submit(bad.request(), recording);
                assertThat(recording.failure().code()).isEqualTo("engine_error");
            }
            assertThat(engine.stats().prefixBytes()).isZero();
            assertThat(engine.stats().reusedPromptTokens()).isZero();
        }
    }

    @Test
    @DisplayName("runs once for all choices of a request, whether prefixes are kept or not")
    void choicesShareThePrompt() throws RequestRefused {
        Ask ask = about(text.subList(0, 160)).sampled(1, 17).tokens(6);
        List<List<Integer>> alone = IntStream.range(0, 4)
                .mapToObj(i -> complete(NOT_SHARING, ask.choices(i + 1))
                        .choices()
                        .get(i)
                        .tokens())
                .toList();
        for (EngineLimits limits : List.of(SHARING, NOT_SHARING)) {
            try (GenerationEngine engine = GenerationEngine.start(fixture.model(), limits)) {
                Completion completion = run(engine, ask.choices(4));
                assertThat(completion.choices().stream()
                                .map(Completion.Choice::tokens)
                                .toList())
                        .isEqualTo(alone);
                assertThat(engine.stats().steps())
                        .as("ten steps of 16 for the prompt, one for the other choices' last token, five more")
                        .isBetween(10L + 5, 10L + 1 + 5);
            }
        }
    }

    @Test
    @DisplayName("is waited for while another row runs it, and then taken over")
    void isWaitedFor() throws RequestRefused {
        List<Integer> shared = text.subList(0, 160);
        AtomicReference<EngineStats> end = new AtomicReference<>();
        try (GenerationEngine engine = GenerationEngine.start(fixture.model(), SHARING)) {
            List<Recording> recordings = IntStream.range(0, 4)
                    .mapToObj(i -> Recording.onFinished(() -> end.set(engine.stats())))
                    .toList();
            engine.runInBackground(() -> {
                recordings.forEach(recording ->
                        GenerationEngineTest.submit(engine, about(shared).tokens(3), recording));
                return false;
            });
            assertThat(recordings.get(0).completion().usage().cachedTokens()).isZero();
            for (Recording recording : recordings.subList(1, 4)) {
                assertThat(recording.completion().usage().cachedTokens()).isEqualTo(2 * PIECE);
                assertThat(recording.choice().tokens())
                        .isEqualTo(recordings.get(0).choice().tokens());
            }
            assertThat(end.get().steps())
                    .as("prompt tokens: 160 once and 32 for each of three, in steps of 16")
                    .isLessThanOrEqualTo(10 + 6 + 3);
        }
    }

    @Test
    @DisplayName("waits for no row that is gone: when the one that ran it is cancelled, the next runs it")
    void survivesACancellation() throws RequestRefused {
        try (GenerationEngine engine = GenerationEngine.start(fixture.model(), SHARING)) {
            Recording first = Recording.plain();
            Recording second = Recording.plain();
            engine.runInBackground(() -> {
                GenerationEngineTest.submit(
                        engine, Ask.about("first", text.subList(0, 250)).tokens(3), first);
                GenerationEngineTest.submit(engine, about(text.subList(0, 250)).tokens(3), second);
                engine.runInBackground(() -> {
                    engine.cancel("first", FinishReason.CANCELLED);
                    return false;
                });
                return false;
            });
            assertThat(first.choice().finishReason()).isEqualTo(FinishReason.CANCELLED);
            assertThat(second.choice().tokens())
                    .isEqualTo(unshared(about(text.subList(0, 250)).tokens(3)));
        }
    }

    private static Ask about(List<Integer> prompt) {
        return Ask.about("ask", prompt);
    }

    private List<Integer> unshared(Ask ask) {
        return complete(NOT_SHARING, ask).choices().get(0).tokens();
    }

    private Completion complete(EngineLimits limits, Ask ask) {
        try (GenerationEngine engine = GenerationEngine.start(fixture.model(), limits)) {
            return run(engine, ask);
        } catch (RequestRefused e) {
            throw new AssertionError(e);
        }
    }

    private static Completion run(GenerationEngine engine, Ask ask) throws RequestRefused {
        Recording recording = Recording.plain();
        engine.submit(ask.request(), recording);
        return recording.completion();
    }

    private long tokenBytes() {
        return fixture.model().decoder().kvBytesPerToken();
    }

    /** The adapter `qv` with one changed weight a tensor. */
    private static Path louder(Path temp) {
        Path folder = Folders.copyOfAdapter("llama-gqa", "qv", temp);
        Path weights = folder.resolve("adapter_model.safetensors");
        TensorFile file = TensorFile.read(weights);
        List.copyOf(file.tensors().keySet()).forEach(name -> file.withValue(name, 3, 2f));
        file.write(weights);
        return folder;
    }
}
