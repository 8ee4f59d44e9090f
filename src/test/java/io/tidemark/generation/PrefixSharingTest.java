package io.tidemark.generation;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.adapter.AdapterStore;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import io.tidemark.fixture.TensorFile;
import io.tidemark.model.ModelOptions;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

@DisplayName("Prefix sharing")
@ParameterizedClass(name = "{0}")
@MethodSource("io.tidemark.fixture.SupportedKernels#independentRows")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PrefixSharingTest {

    @Parameter
    private ModelOptions options;

    private static final int CHUNK = 64;
    private static final EngineLimits SHARING = new EngineLimits(8, 16, 1L << 30, 1L << 28);
    private static final EngineLimits NOT_SHARING = new EngineLimits(8, 16, 1L << 30);

    private FixtureModel fixture;
    private List<Integer> text;

    @BeforeParameterizedClassInvocation
    void load() {
        fixture = FixtureModel.load("llama-gqa", options);
        text = fixture.tokens(
                        "The boundary layer of name[Blue Spice], eatType[coffee shop] is héllo 🙂 wörld. ".repeat(12))
                .subList(0, 300);
    }

    @AfterParameterizedClassInvocation
    void close() {
        fixture.close();
    }

    @Test
    @DisplayName("A prefix is computed once for successive requests, and the second one reports its cached tokens")
    void prefixIsComputedOnce() throws RequestRejectedException {
        try (GenerationEngine engine = GenerationEngine.start(fixture.model(), SHARING)) {
            for (int length : List.of(200, 200, 192, 193, 300, 63)) {
                run(engine, request(text.subList(0, length)));
            }
            TestRequest longest = request(text.subList(0, 300));
            assertThat(run(engine, request(text.subList(0, 200))).usage().cachedTokens())
                    .isEqualTo(3 * CHUNK);
            assertThat(run(engine, request(text.subList(0, 192))).usage().cachedTokens())
                    .as("one token must be computed")
                    .isEqualTo(2 * CHUNK);
            assertThat(run(engine, longest).usage().cachedTokens()).isEqualTo(4 * CHUNK);
            assertThat(engine.stats().steps().prefixBytes())
                    .as("each chunk once")
                    .isEqualTo(4 * CHUNK * tokenBytes());
            assertThat(run(engine, longest).choices().get(0).tokens()).isEqualTo(unshared(longest));
        }
    }

    @Test
    @DisplayName("A prefix is not shared between adapters, boundaries, the base model, and versions of an adapter")
    void isNeverSharedWrongly(@TempDir Path temp) throws RequestRejectedException {
        List<Integer> prompt = text.subList(0, 210);
        try (AdapterStore first = new AdapterStore(fixture.model());
                AdapterStore again = new AdapterStore(fixture.model());
                GenerationEngine engine = GenerationEngine.start(fixture.model(), SHARING)) {
            LoraWeights qv =
                    first.load("qv", Folders.adapter("llama-gqa", "qv")).weights();
            List<TestRequest> requests = new ArrayList<>(List.of(
                    request(prompt),
                    request(prompt).with(fixture.adapter("all"), 6),
                    request(prompt).with(fixture.adapter("all"), 5),
                    request(prompt).with(fixture.adapter("all"), 0),
                    request(prompt).with(qv, 6),
                    request(prompt).with(again.load("qv", changed(temp)).weights(), 6)));
            for (TestRequest request : requests) {
                Completion fresh = run(engine, request);
                assertThat(fresh.usage().cachedTokens())
                        .as("%s at %d", request.lora(), request.boundary())
                        .isZero();
                assertThat(fresh.choices().get(0).tokens()).isEqualTo(unshared(request));
            }
            for (TestRequest request : requests) {
                Completion repeated = run(engine, request);
                assertThat(repeated.usage().cachedTokens()).isEqualTo(3 * CHUNK);
                assertThat(repeated.choices().get(0).tokens()).isEqualTo(unshared(request));
            }
            assertThat(requests.stream().map(this::unshared).distinct().count())
                    .as("texts of different adapters and boundaries")
                    .isGreaterThan(3);
        }
    }

    @Test
    @DisplayName("Prompts share the chunks before their first difference, also if it is the last token of a chunk")
    void endsAtTheDifference() throws RequestRejectedException {
        try (GenerationEngine engine = GenerationEngine.start(fixture.model(), SHARING)) {
            run(engine, request(text.subList(0, 200)));
            for (int place : List.of(0, 63, 64, 127, 128, 191)) {
                List<Integer> other = new ArrayList<>(text.subList(0, 200));
                other.set(place, (other.get(place) + 1) % 400);
                Completion completion = run(engine, request(other));
                assertThat(completion.usage().cachedTokens())
                        .as("differs at %d", place)
                        .isEqualTo(place / CHUNK * CHUNK);
                assertThat(completion.choices().get(0).tokens()).isEqualTo(unshared(request(other)));
            }
        }
    }

    @Test
    @DisplayName("The prefix of a failed sequence is not cached")
    void failedSequencesAreNotCached(@TempDir Path temp) throws RequestRejectedException {
        LoraWeights overflowing = fixture.overflowingAdapter(temp);
        try (GenerationEngine engine = GenerationEngine.start(fixture.model(), SHARING)) {
            TestRequest bad = request(text.subList(0, 200)).with(overflowing, 6);
            for (int i = 0; i < 2; i++) {
                RecordingListener recording = RecordingListener.plain();
                engine.submit(bad.request(), recording);
                assertThat(recording.failure().code()).isEqualTo("engine_error");
            }
            assertThat(engine.stats().steps().prefixBytes()).isZero();
            assertThat(engine.stats().steps().reusedPromptTokens()).isZero();
        }
    }

    @Test
    @DisplayName("The choices of a request share the computation of their prompt, with and without prefix cache")
    void choicesShareThePrompt() throws RequestRejectedException {
        TestRequest request = request(text.subList(0, 160)).sampled(1, 17).tokens(6);
        List<List<Integer>> alone = IntStream.range(0, 4)
                .mapToObj(i -> complete(NOT_SHARING, request.choices(i + 1))
                        .choices()
                        .get(i)
                        .tokens())
                .toList();
        for (EngineLimits limits : List.of(SHARING, NOT_SHARING)) {
            try (GenerationEngine engine = GenerationEngine.start(fixture.model(), limits)) {
                Completion completion = run(engine, request.choices(4));
                assertThat(completion.choices().stream()
                                .map(Completion.GeneratedChoice::tokens)
                                .toList())
                        .isEqualTo(alone);
                assertThat(engine.stats().steps().count())
                        .as("ten steps of 16 for the prompt, one for the other choices' last token, five more")
                        .isBetween(10L + 5, 10L + 1 + 5);
            }
        }
    }

    @Test
    @DisplayName("A sequence waits while another one computes its prefix, and then restores it")
    void sequenceWaitsForAPrefix() throws RequestRejectedException {
        List<Integer> shared = text.subList(0, 160);
        AtomicReference<EngineStats> end = new AtomicReference<>();
        try (GenerationEngine engine = GenerationEngine.start(fixture.model(), SHARING)) {
            List<RecordingListener> recordings = IntStream.range(0, 4)
                    .mapToObj(i -> RecordingListener.onFinished(() -> end.set(engine.stats())))
                    .toList();
            engine.runInBackground(() -> {
                recordings.forEach(recording ->
                        GenerationEngineTest.submit(engine, request(shared).tokens(3), recording));
                return false;
            });
            assertThat(recordings.get(0).completion().usage().cachedTokens()).isZero();
            for (RecordingListener recording : recordings.subList(1, 4)) {
                assertThat(recording.completion().usage().cachedTokens()).isEqualTo(2 * CHUNK);
                assertThat(recording.choice().tokens())
                        .isEqualTo(recordings.get(0).choice().tokens());
            }
            assertThat(end.get().steps().count())
                    .as("prompt tokens: 160 once and 32 for each of three, in steps of 16")
                    .isLessThanOrEqualTo(10 + 6 + 3);
        }
    }

    @Test
    @DisplayName("After the cancellation of the sequence that computes a prefix, the waiting one computes it")
    void survivesACancellation() throws RequestRejectedException {
        try (GenerationEngine engine = GenerationEngine.start(fixture.model(), SHARING)) {
            RecordingListener first = RecordingListener.plain();
            RecordingListener second = RecordingListener.plain();
            engine.runInBackground(() -> {
                GenerationEngineTest.submit(
                        engine, TestRequest.of("first", text.subList(0, 250)).tokens(3), first);
                GenerationEngineTest.submit(
                        engine, request(text.subList(0, 250)).tokens(3), second);
                engine.runInBackground(() -> {
                    engine.cancel("first", FinishReason.CANCELLED);
                    return false;
                });
                return false;
            });
            assertThat(first.choice().finishReason()).isEqualTo(FinishReason.CANCELLED);
            assertThat(second.choice().tokens())
                    .isEqualTo(unshared(request(text.subList(0, 250)).tokens(3)));
        }
    }

    @Test
    @DisplayName("A prefix is shared within a tenant only, after it was computed and while it is computed")
    void isSharedWithinATenant() throws RequestRejectedException {
        List<Integer> prompt = text.subList(0, 160);
        try (GenerationEngine engine = GenerationEngine.start(fixture.model(), SHARING)) {
            assertThat(cached(engine, prompt, "team-a")).isZero();
            assertThat(cached(engine, prompt, "team-a")).isEqualTo(2 * CHUNK);
            assertThat(cached(engine, prompt, "team-b"))
                    .as("no probe of another tenant's prompt")
                    .isZero();
            assertThat(cached(engine, prompt, "team-b")).isEqualTo(2 * CHUNK);
        }
        try (GenerationEngine engine = GenerationEngine.start(fixture.model(), SHARING)) {
            List<RecordingListener> recordings = IntStream.range(0, 2)
                    .mapToObj(i -> RecordingListener.plain())
                    .toList();
            engine.runInBackground(() -> {
                for (int i = 0; i < recordings.size(); i++) {
                    submit(engine, prompt, "team-" + i, recordings.get(i));
                }
                return false;
            });
            recordings.forEach(
                    each -> assertThat(each.completion().usage().cachedTokens()).isZero());
        }
    }

    private static int cached(GenerationEngine engine, List<Integer> prompt, String tenant) {
        RecordingListener recording = RecordingListener.plain();
        submit(engine, prompt, tenant, recording);
        return recording.completion().usage().cachedTokens();
    }

    private static void submit(
            GenerationEngine engine, List<Integer> prompt, String tenant, RecordingListener recording) {
        EngineRequest request = request(prompt).tokens(2).request();
        try {
            engine.submit(
                    new EngineRequest(
                            "of " + tenant,
                            request.prompt(),
                            request.params(),
                            request.lora(),
                            request.boundary(),
                            request.priority(),
                            tenant),
                    recording);
        } catch (RequestRejectedException e) {
            throw new AssertionError(e);
        }
    }

    private static TestRequest request(List<Integer> prompt) {
        return TestRequest.of("request", prompt);
    }

    private List<Integer> unshared(TestRequest request) {
        return complete(NOT_SHARING, request).choices().get(0).tokens();
    }

    private Completion complete(EngineLimits limits, TestRequest request) {
        try (GenerationEngine engine = GenerationEngine.start(fixture.model(), limits)) {
            return run(engine, request);
        } catch (RequestRejectedException e) {
            throw new AssertionError(e);
        }
    }

    private static Completion run(GenerationEngine engine, TestRequest request) throws RequestRejectedException {
        RecordingListener recording = RecordingListener.plain();
        engine.submit(request.request(), recording);
        return recording.completion();
    }

    private long tokenBytes() {
        return fixture.model().decoder().kvBytesPerToken();
    }

    /** The adapter {@code qv} with one changed weight in each tensor. */
    private static Path changed(Path temp) {
        Path folder = Folders.copyOfAdapter("llama-gqa", "qv", temp);
        Path weights = folder.resolve("adapter_model.safetensors");
        TensorFile file = TensorFile.read(weights);
        List.copyOf(file.tensors().keySet()).forEach(name -> file.withValue(name, 3, 2f));
        file.write(weights);
        return folder;
    }
}
