package io.tidemark.generation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.Decoder;
import io.tidemark.decoder.StepRow;
import io.tidemark.decoder.kvcache.KvPool;
import io.tidemark.decoder.kvcache.KvSlot;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.decoder.sampling.Penalties;
import io.tidemark.decoder.sampling.SamplingParams;
import io.tidemark.decoder.sampling.TokenSampling;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import io.tidemark.fixture.ReferenceText;
import io.tidemark.generation.Completion.GeneratedChoice;
import io.tidemark.grammar.CompiledGrammar;
import io.tidemark.grammar.GrammarState;
import io.tidemark.grammar.RowStatus;
import io.tidemark.model.ComputeType;
import io.tidemark.model.ModelOptions;
import io.tidemark.model.SafetensorsFile;
import io.tidemark.model.StoredTensor;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(180)
@DisplayName("A request with a grammar")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class GrammarTest {

    private static final int END = 2;
    private static final int VOCABULARY = 420;
    private static final EngineLimits LIMITS = new EngineLimits(8, 64, 1L << 30);

    private FixtureModel fixture;
    private ReferenceText reference;
    private GenerationEngine engine;

    @BeforeAll
    void load() {
        fixture = FixtureModel.load("llama-gqa");
        reference = fixture.reference("all");
        engine = start();
    }

    @AfterAll
    void close() {
        engine.close();
        fixture.close();
    }

    @ParameterizedTest(name = "up to {0} tokens may follow")
    @ValueSource(ints = {1, 3, 40, 419})
    @DisplayName(
            "A greedy choice has the most likely of the allowed tokens at each position, and ends with the grammar")
    void isTheMaskedArgmax(int most) throws RequestRejectedException {
        for (int prompt = 0; prompt < 4; prompt++) {
            for (int boundary = 0; boundary <= 6; boundary++) {
                TokenGrammar grammar = TokenGrammar.random(prompt * 7 + boundary, END, 3, VOCABULARY, most, 12);
                TestRequest request =
                        greedy("greedy", prompt, boundary).tokens(20).logprobs(0);
                GeneratedChoice choice = run(request, grammar).choice();
                Expected expected = expected(request, grammar);
                assertThat(choice.tokens())
                        .as("prompt %d, boundary %d", prompt, boundary)
                        .isEqualTo(expected.tokens());
                assertThat(choice.finishReason()).isEqualTo(FinishReason.STOP);
                assertThat(choice.text()).isEqualTo(fixture.model().tokenizer().decode(withoutEnd(choice.tokens())));
                for (int i = 0; i < choice.tokens().size(); i++) {
                    assertThat(choice.logprobs().get(i).logprob())
                            .as("log-probability of the model's distribution, without the mask")
                            .isCloseTo(expected.logprobs().get(i), within(1e-3));
                }
                assertThat(grammar.mistakes()).isEmpty();
                assertThat(grammar.open()).isZero();
            }
        }
    }

    @Test
    @DisplayName("The first token is the most likely of the allowed ones in the logits of transformers")
    void agreesWithTransformers() throws RequestRejectedException {
        Map<String, StoredTensor> transformers =
                SafetensorsFile.read(Folders.adapter("llama-gqa", "all").resolve("expected-logits.safetensors"));
        for (int prompt = 0; prompt < reference.prompts().size(); prompt++) {
            for (int boundary = 0; boundary <= 6; boundary++) {
                float[] logits = new float[VOCABULARY];
                transformers
                        .get("prompt" + prompt + ".boundary" + boundary)
                        .bytes()
                        .duplicate()
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .asFloatBuffer()
                        .get(logits);
                TokenGrammar grammar = TokenGrammar.random(boundary, END, 3, VOCABULARY, 50, 12);
                assertThat(run(greedy("first", prompt, boundary).tokens(1), grammar)
                                .choice()
                                .tokens())
                        .as("prompt %d, boundary %d", prompt, boundary)
                        .containsExactly(argmax(logits, grammar.allowed(List.of())));
            }
        }
    }

    @Test
    @DisplayName("When only the end may follow, the choice ends at once, with reason stop and all of its text")
    void endsWithTheGrammar() throws RequestRejectedException {
        List<List<Integer>> texts =
                List.of(fixture.tokens("the layer"), fixture.tokens("boundary"), fixture.tokens("all of it"));
        TokenGrammar grammar = TokenGrammar.choice(texts);
        RecordingListener recording = run(greedy("choice", 0, 6).tokens(50), grammar);
        assertThat(texts).contains(recording.choice().tokens());
        assertThat(recording.choice().finishReason()).isEqualTo(FinishReason.STOP);
        assertThat(recording.completion().usage().completionTokens())
                .isEqualTo(recording.choice().tokens().size());
        assertThat(recording.text(0)).isEqualTo(recording.choice().text());
        assertThat(recording.choice().text())
                .isEqualTo(fixture.model().tokenizer().decode(recording.choice().tokens()));

        // the end of the text could be the beginning of the stop text
        String text = recording.choice().text();
        RecordingListener held = run(
                greedy("held", 0, 6).tokens(50).stop(text.substring(text.length() - 2) + "absent"),
                TokenGrammar.choice(texts));
        assertThat(held.choice().text()).isEqualTo(text).isEqualTo(held.text(0));

        RecordingListener none =
                run(greedy("none", 0, 6).tokens(50).choices(3), new TokenGrammar((tokens, allowed) -> RowStatus.ENDED));
        assertThat(none.completion().choices()).hasSize(3).allSatisfy(choice -> {
            assertThat(choice.tokens()).isEmpty();
            assertThat(choice.finishReason()).isEqualTo(FinishReason.STOP);
        });
    }

    @Test
    @DisplayName("A choice that reaches max_tokens before the end of its grammar has the reason length")
    void isCut() throws RequestRejectedException {
        TokenGrammar grammar = TokenGrammar.choice(List.of(List.of(9, 10, 11, 12, 13)));
        GeneratedChoice choice = run(greedy("cut", 0, 6).tokens(3), grammar).choice();
        assertThat(choice.tokens()).containsExactly(9, 10, 11);
        assertThat(choice.finishReason()).isEqualTo(FinishReason.LENGTH);
        assertThat(grammar.open()).isZero();
        assertThat(grammar.mistakes()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3})
    @DisplayName("A choice whose grammar is complete with the last of max_tokens tokens has the reason stop")
    void isCompleteAtItsLength(int tokens) throws RequestRejectedException {
        List<Integer> text = List.of(9, 10, 11).subList(0, tokens);
        TokenGrammar grammar = TokenGrammar.choice(List.of(text));
        RecordingListener recording = run(greedy("whole", 0, 6).tokens(tokens).choices(2), grammar);
        assertThat(recording.completion().choices()).hasSize(2).allSatisfy(choice -> {
            assertThat(choice.tokens()).isEqualTo(text);
            assertThat(choice.finishReason()).isEqualTo(FinishReason.STOP);
            assertThat(choice.text())
                    .isEqualTo(fixture.model().tokenizer().decode(text))
                    .isEqualTo(recording.text(choice.index()));
        });
        assertThat(recording.endings()).containsExactlyInAnyOrder("0 STOP", "1 STOP");
        assertThat(grammar.open()).isZero();
        assertThat(grammar.mistakes()).isEmpty();
    }

    @Test
    @DisplayName(
            "A choice has the reason length if its text could end or go on at max_tokens, or its grammar fails there")
    void mayGoOn() throws RequestRejectedException {
        TokenGrammar endless = new TokenGrammar((tokens, allowed) -> {
            allowed.set(9);
            allowed.set(END, tokens.size() == 3);
            return RowStatus.OK;
        });
        for (TokenGrammar grammar : List.of(endless, endless.failingAfter(3))) {
            TestRequest request = greedy("open", 0, 6)
                    .sampling(SamplingParams.GREEDY.withLogitBias(Map.of(9, 100.0)))
                    .tokens(3);
            GeneratedChoice choice = run(request, grammar).choice();
            assertThat(choice.tokens()).containsExactly(9, 9, 9);
            assertThat(choice.finishReason()).isEqualTo(FinishReason.LENGTH);
            assertThat(grammar.open()).isZero();
            assertThat(grammar.mistakes()).isEmpty();
        }
    }

    @Test
    @DisplayName("The mask wins over bias, penalties and min_tokens, which choose among the tokens that it allows")
    void maskWins() throws RequestRejectedException {
        TokenGrammar.Rule nineOrTen = (tokens, allowed) -> {
            allowed.set(9);
            allowed.set(10);
            return tokens.size() == 6 ? RowStatus.ENDED : RowStatus.OK;
        };
        TestRequest request = greedy("biased", 1, 6).tokens(20);
        SamplingParams towards = SamplingParams.GREEDY.withLogitBias(Map.of(10, 100.0, 11, 100.0));
        assertThat(run(request.sampling(towards), new TokenGrammar(nineOrTen))
                        .choice()
                        .tokens())
                .hasSize(6)
                .containsOnly(10);
        SamplingParams alternating = SamplingParams.GREEDY
                .withLogitBias(Map.of(9, -100.0, 10, -100.0))
                .withPenalties(new Penalties(1.3, 2, 2));
        assertThat(run(request.sampling(alternating), new TokenGrammar(nineOrTen))
                        .choice()
                        .tokens())
                .hasSize(6)
                .contains(9, 10)
                .allMatch(token -> token == 9 || token == 10);

        TestRequest atLeast = request.stopAt(
                StopConditions.after(20).withStopTokens(Set.of(9)).withMinTokens(4));
        GeneratedChoice chosen = run(atLeast, new TokenGrammar(nineOrTen)).choice();
        assertThat(chosen.tokens().subList(0, 4)).containsOnly(10);
        GeneratedChoice forced = run(atLeast, new TokenGrammar((tokens, allowed) -> {
                    allowed.set(tokens.size() < 2 ? 10 : 9);
                    allowed.set(END, tokens.size() == 2);
                    return RowStatus.OK;
                }))
                .choice();
        assertThat(forced.tokens().subList(0, 2)).containsExactly(10, 10);
        assertThat(forced.tokens()).hasSize(3);
        assertThat(forced.finishReason()).isEqualTo(FinishReason.STOP);
    }

    @Test
    @DisplayName("A grammar can't be combined with ignore_eos")
    void refusesIgnoreEos() {
        GenerationParams endless = GenerationParams.greedy(StopConditions.afterExactly(5));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> endless.withGrammar(TokenGrammar.choice(List.of(List.of(9)))))
                .withMessageContaining("ignore_eos");
    }

    @Test
    @DisplayName("Seeded choices differ, match the grammar, and do not depend on the other rows of the batch")
    void seededChoices() throws RequestRejectedException {
        TestRequest request = greedy("n", 3, 6)
                .sampling(SamplingParams.at(1.5).withTopP(0.98))
                .choices(5)
                .tokens(15);
        List<List<Integer>> first = tokens(run(request, grammar(1)));
        assertThat(first).hasSize(5).doesNotHaveDuplicates();
        List<RecordingListener> beside = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            beside.add(RecordingListener.plain());
            TestRequest other = greedy("beside-" + i, i, 3).sampled(i, i).tokens(30);
            engine.submit(i == 1 ? constrained(other, grammar(i)) : other.request(), beside.get(i));
        }
        TokenGrammar again = grammar(1);
        assertThat(tokens(run(request, again))).isEqualTo(first);
        assertThat(again.started()).isEqualTo(5);
        assertThat(again.open()).isZero();
        assertThat(again.mistakes()).isEmpty();
        beside.forEach(RecordingListener::outcome);
    }

    @Test
    @DisplayName("A grammar that fails ends its request only, with all its choices")
    void failsAlone() throws RequestRejectedException {
        for (int after : List.of(0, 1, 4)) {
            TokenGrammar failing =
                    TokenGrammar.random(1, END, 3, VOCABULARY, 40, 50).failingAfter(after);
            assertFailsAlone(failing, 3, "for this test");
            assertThat(failing.open()).isZero();
            assertThat(failing.mistakes()).isEmpty();
        }
        assertFailsAlone(new TokenGrammar((tokens, allowed) -> RowStatus.OK), 2, "no token may follow");
        assertFailsAlone(
                new CompiledGrammar() {
                    @Override
                    public GrammarState start() {
                        throw new IllegalStateException("for this test");
                    }

                    @Override
                    public long bytes() {
                        return 0;
                    }

                    @Override
                    public void close() {}
                },
                2,
                "could not be started");
    }

    @Test
    @DisplayName("If the masks of a step can't be computed, requests with a grammar fail and the others go on")
    void masksThatFail() throws RequestRejectedException {
        TokenGrammar failing = new TokenGrammar((tokens, allowed) -> {
            throw new IllegalStateException("for this test");
        });
        assertFailsAlone(failing, 2, "could not be advanced");
        assertThat(failing.open()).isZero();
    }

    @Test
    @DisplayName("When a failed step is repeated row by row, grammars advance once for each token")
    void repeatedStep() throws RequestRejectedException {
        TokenGrammar grammar = grammar(3);
        RecordingListener failing = RecordingListener.plain();
        RecordingListener constrained = RecordingListener.onFirstText(
                () -> GenerationEngineTest.submit(engine, TestRequest.of("unknown", List.of(5, 6, 99_999)), failing));
        TestRequest request = greedy("constrained", 0, 6).tokens(20);
        engine.submit(constrained(request, grammar), constrained);
        assertThat(constrained.choice().tokens())
                .isEqualTo(expected(request, grammar).tokens());
        assertThat(failing.failure().message()).contains("the step failed");
        assertThat(grammar.mistakes()).isEmpty();
        assertThat(grammar.open()).isZero();
    }

    @ParameterizedTest
    @EnumSource(
            value = FinishReason.class,
            names = {"CANCELLED", "DEADLINE"})
    @DisplayName("States are closed when a running request is ended")
    void closesStates(FinishReason reason) throws RequestRejectedException {
        TokenGrammar grammar = TokenGrammar.random(5, END, 3, VOCABULARY, 1, 1000);
        RecordingListener recording = RecordingListener.plain();
        engine.submit(
                constrained(endless("endless").choices(3), grammar),
                onTextOf(2, recording, () -> engine.cancel("endless", reason)));
        assertThat(recording.completion().choices()).hasSize(3).allMatch(choice -> choice.finishReason() == reason);
        assertThat(grammar.started()).isEqualTo(3);
        assertThat(grammar.open()).isZero();
    }

    @Test
    @DisplayName("States are closed when the engine closes, and when it fails")
    void closesStatesWithTheEngine() throws RequestRejectedException {
        TokenGrammar grammar = TokenGrammar.random(5, END, 3, VOCABULARY, 1, 1000);
        AtomicReference<Thread> closer = new AtomicReference<>();
        GenerationEngine closing = start();
        closer.set(new Thread(closing::close));
        RecordingListener running = RecordingListener.plain();
        closing.submit(
                constrained(endless("running").choices(2), grammar),
                onTextOf(1, running, () -> closer.get().start()));
        assertThat(running.choice().finishReason()).isEqualTo(FinishReason.CANCELLED);
        Awaitility.await().until(() -> !closing.isAlive());
        assertThat(grammar.started()).isEqualTo(2);
        assertThat(grammar.open()).isZero();

        GenerationEngine failing = start();
        RecordingListener failed = RecordingListener.plain();
        failing.submit(constrained(endless("failing").choices(2), grammar), onTextOf(1, failed, () -> {
            throw new OutOfMemoryError("for this test");
        }));
        assertThat(failed.failure().code()).isEqualTo("engine_error");
        Awaitility.await().until(() -> !failing.isAlive());
        assertThat(grammar.started()).isEqualTo(4);
        assertThat(grammar.open()).isZero();
    }

    @Test
    @DisplayName("While masks are computed, the running step names the requests with a grammar, and no others")
    void namesItsRequests() throws Exception {
        CountDownLatch reached = new CountDownLatch(1);
        CountDownLatch gate = new CountDownLatch(1);
        TokenGrammar slow = grammar(1);
        TokenGrammar waiting = new TokenGrammar((tokens, allowed) -> {
            reached.countDown();
            await(gate);
            return slow.next(tokens, allowed);
        });
        try (GenerationEngine own = start()) {
            RecordingListener recording = RecordingListener.plain();
            RecordingListener other = RecordingListener.onFirstText(
                    () -> submit(own, constrained(greedy("slow", 0, 6), waiting), recording));
            own.submit(endless("other").tokens(40).request(), other);
            assertThat(reached.await(60, TimeUnit.SECONDS)).isTrue();
            try {
                assertThat(own.runningStep())
                        .hasValueSatisfying(step -> assertThat(step.requests()).containsExactly("slow"));
            } finally {
                // the engine waits for the masks when it is closed
                gate.countDown();
            }
            assertThat(recording.choice().finishReason()).isEqualTo(FinishReason.STOP);
            assertThat(other.choice().tokens()).hasSize(40);
        }
    }

    @Test
    @DisplayName(
            "Deterministic rows with and without grammars have the same tokens and log-probabilities alone and in a batch")
    void mixedRows() throws Exception {
        try (FixtureModel model = FixtureModel.load("llama-gqa", new ModelOptions(ComputeType.INT8, true))) {
            List<TokenGrammar> grammars = new ArrayList<>();
            List<EngineRequest> requests = new ArrayList<>();
            for (int i = 0; i < 48; i++) {
                TokenGrammar grammar = grammar(i);
                grammars.add(grammar);
                requests.add(mixed(model, i, grammar));
            }
            List<List<GeneratedChoice>> alone = new ArrayList<>();
            EngineLimits limits = new EngineLimits(12, 96, 1L << 30, 1 << 20);
            List<RecordingListener> together = new ArrayList<>();
            try (GenerationEngine engine = GenerationEngine.start(model.model(), limits)) {
                for (EngineRequest request : requests) {
                    RecordingListener listener = RecordingListener.plain();
                    engine.submit(request, listener);
                    alone.add(listener.completion().choices());
                }
                for (EngineRequest request : requests) {
                    together.add(RecordingListener.plain());
                    engine.submit(request, together.get(together.size() - 1));
                }
                for (int i = 0; i < requests.size(); i++) {
                    assertThat(together.get(i).completion().choices())
                            .as("request %d", i)
                            .isEqualTo(alone.get(i));
                }
            }
            for (int i = 0; i < grammars.size(); i++) {
                assertThat(grammars.get(i).mistakes()).as("request %d", i).isEmpty();
                assertThat(grammars.get(i).open()).isZero();
                assertThat(grammars.get(i).started() > 0).isEqualTo(i % 3 > 0);
            }
        }
    }

    /** A third of the requests have no grammar; greedy, seeded and with several choices. */
    private static EngineRequest mixed(FixtureModel model, int i, TokenGrammar grammar) {
        List<Integer> prompt = IntStream.range(0, 3 + i % 7 * 23)
                .map(token -> 3 + (i * 31 + token * token) % 400)
                .boxed()
                .toList();
        TestRequest request = TestRequest.of("request-" + i, prompt)
                .sampling(new SamplingParams(
                        i % 4 * 0.5,
                        i % 5 == 0 ? 0.9 : 1,
                        i % 7 == 0 ? 30 : 0,
                        i % 11 == 0 ? 0.05 : 0,
                        i % 2 == 0 ? Penalties.NONE : new Penalties(1.2, 0.3, 0.1),
                        i % 6 == 0 ? Map.of(3 + i, 1.5) : Map.of()))
                .choices(1 + i % 3)
                .stopAt(StopConditions.after(10 + i % 20).withMinTokens(i % 5))
                .logprobs(i % 3);
        TestRequest with = i % 5 == 4 ? request : request.with(model.adapter(i % 2 == 0 ? "all" : "qv"), 1 + i % 6);
        return i % 3 == 0 ? with.request() : constrained(with, grammar);
    }

    private void assertFailsAlone(CompiledGrammar grammar, int choices, String message)
            throws RequestRejectedException {
        RecordingListener failing = RecordingListener.plain();
        RecordingListener free = RecordingListener.plain();
        RecordingListener constrained = RecordingListener.plain();
        TokenGrammar other = grammar(8);
        TestRequest request = greedy("constrained", 2, 6).tokens(20);
        // from a callback, so that one step has all rows
        RecordingListener first = RecordingListener.onFirstText(() -> {
            submit(engine, constrained(greedy("failing", 1, 6).choices(choices), grammar), failing);
            submit(engine, constrained(request, other), constrained);
            GenerationEngineTest.submit(engine, greedy("free", 0, 6), free);
        });
        engine.submit(endless("first").tokens(40).request(), first);
        assertThat(failing.failure().code()).isEqualTo("grammar_failed");
        assertThat(failing.failure().message()).contains(message).doesNotContain("\n");
        assertThat(free.choice().tokens())
                .isEqualTo(reference.prompts().get(0).greedy().get(6));
        assertThat(constrained.choice().tokens())
                .isEqualTo(expected(request, other).tokens());
        assertThat(first.choice().tokens()).hasSize(40);
        assertThat(engine.isAlive()).isTrue();
    }

    /** Tokens and their log-probabilities in the model's distribution. */
    private record Expected(List<Integer> tokens, List<Double> logprobs) {}

    /** The most likely allowed token at each position, in Java, from the logits of single rows. */
    private Expected expected(TestRequest request, TokenGrammar grammar) {
        Decoder decoder = fixture.model().decoder();
        List<Integer> tokens = new ArrayList<>();
        List<Double> logprobs = new ArrayList<>();
        Optional<LoraWeights> lora = request.lora();
        try (KvPool pool = new KvPool(decoder.kvCache(), Long.MAX_VALUE)) {
            KvSlot slot = pool.reserve(request.prompt().size() + 64).orElseThrow();
            List<Integer> next = request.prompt();
            int position = 0;
            while (grammar.status(tokens) instanceof RowStatus.Ok
                    && !tokens.contains(END)
                    && tokens.size() < request.stopConditions().maxTokens()) {
                float[] logits = decoder.logits(List.of(new StepRow(
                                slot,
                                next,
                                position,
                                lora,
                                new Boundary(request.boundary()),
                                Optional.of(TokenSampling.greedy()))))
                        .get(0);
                int token = argmax(logits, grammar.allowed(tokens));
                double sum = 0;
                for (float logit : logits) {
                    sum += Math.exp(logit);
                }
                logprobs.add(logits[token] - Math.log(sum));
                tokens.add(token);
                position += next.size();
                next = List.of(token);
            }
        }
        return new Expected(tokens, logprobs);
    }

    private static int argmax(float[] logits, BitSet allowed) {
        return allowed.stream().reduce((a, b) -> logits[b] > logits[a] ? b : a).orElseThrow();
    }

    private static List<Integer> withoutEnd(List<Integer> tokens) {
        return tokens.stream().filter(token -> token != END).toList();
    }

    private static List<List<Integer>> tokens(RecordingListener recording) {
        return recording.completion().choices().stream()
                .map(GeneratedChoice::tokens)
                .toList();
    }

    private static TokenGrammar grammar(int seed) {
        return TokenGrammar.random(seed, END, 3, VOCABULARY, 1 + seed * 97 % 300, 12);
    }

    private static EngineRequest constrained(TestRequest request, CompiledGrammar grammar) {
        EngineRequest free = request.request();
        return new EngineRequest(
                free.id(),
                free.prompt(),
                free.params().withGrammar(grammar),
                free.lora(),
                free.boundary(),
                free.priority());
    }

    /** Runs an action at the first text of a choice, when all choices before it have a state. */
    private static GenerationListener onTextOf(int choice, RecordingListener recording, Runnable action) {
        AtomicBoolean ran = new AtomicBoolean();
        return new GenerationListener() {
            @Override
            public void onText(int of, String chunk) {
                recording.onText(of, chunk);
                if (of == choice && !ran.getAndSet(true)) {
                    action.run();
                }
            }

            @Override
            public void onFinished(Outcome outcome) {
                recording.onFinished(outcome);
            }
        };
    }

    private static void submit(GenerationEngine engine, EngineRequest request, RecordingListener listener) {
        try {
            engine.submit(request, listener);
        } catch (RequestRejectedException e) {
            throw new IllegalStateException(e);
        }
    }

    private RecordingListener run(TestRequest request, CompiledGrammar grammar) throws RequestRejectedException {
        RecordingListener recording = RecordingListener.plain();
        engine.submit(constrained(request, grammar), recording);
        recording.outcome();
        return recording;
    }

    private TestRequest greedy(String id, int prompt, int boundary) {
        return TestRequest.of(id, reference.prompts().get(prompt).ids()).with(fixture.adapter("all"), boundary);
    }

    /** The base model generates no end-of-sequence token after this prompt. */
    private TestRequest endless(String id) {
        return TestRequest.of(id, reference.prompts().get(3).ids()).tokens(400);
    }

    private GenerationEngine start() {
        return GenerationEngine.start(fixture.model(), LIMITS);
    }

    private static void await(CountDownLatch gate) {
        try {
            gate.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
