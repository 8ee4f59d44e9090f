package io.tidemark.generation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.ReferenceText;
import io.tidemark.generation.Completion.GeneratedChoice;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@DisplayName("The end of a request")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class RequestEndTest {

    private FixtureModel fixture;
    private ReferenceText reference;
    private GenerationEngine engine;

    @BeforeAll
    void load() {
        fixture = FixtureModel.load("llama-gqa");
        reference = fixture.reference("all");
        engine = GenerationEngine.start(fixture.model(), new EngineLimits(2, 64, 1L << 30));
    }

    @AfterAll
    void close() {
        engine.close();
        fixture.close();
    }

    @Test
    @DisplayName("A choice ends after max_tokens tokens")
    void atItsLength() throws RequestRejectedException {
        for (int tokens = 1; tokens < 12; tokens++) {
            GeneratedChoice choice = run(greedy("length", 0, 6).tokens(tokens)).choice();
            assertThat(choice.finishReason()).isEqualTo(FinishReason.LENGTH);
            assertThat(choice.tokens())
                    .isEqualTo(reference.prompts().get(0).greedy().get(6).subList(0, tokens));
        }
    }

    @Test
    @DisplayName("A choice ends at the end-of-sequence token, which is counted but not part of its text")
    void atTheEndOfSequence() throws RequestRejectedException {
        RecordingListener recording = run(greedy("end", 4, 6).tokens(50));
        assertThat(recording.choice().tokens()).containsExactly(2);
        assertThat(recording.choice().text()).isEmpty();
        assertThat(recording.choice().finishReason()).isEqualTo(FinishReason.STOP);
        assertThat(recording.completion().usage().completionTokens()).isEqualTo(1);
    }

    @Test
    @DisplayName("A choice that ignores the end-of-sequence token ends after exactly max_tokens tokens")
    void ignoringTheEndOfSequence() throws RequestRejectedException {
        RecordingListener recording = run(greedy("on", 4, 6).stopAt(StopConditions.afterExactly(30)));
        assertThat(recording.choice().tokens()).hasSize(30).startsWith(2);
        assertThat(recording.choice().finishReason()).isEqualTo(FinishReason.LENGTH);
    }

    @Test
    @DisplayName("A stop token ends a choice that ignores the end-of-sequence token, and is not part of its text")
    void atAStopToken() throws RequestRejectedException {
        List<Integer> tokens = reference.prompts().get(1).greedy().get(6);
        RecordingListener recording = run(greedy("stop-token", 1, 6)
                .stopAt(StopConditions.afterExactly(30).withStopTokens(Set.of(tokens.get(3)))));
        int end = tokens.indexOf(tokens.get(3));
        assertThat(recording.choice().tokens()).isEqualTo(tokens.subList(0, end + 1));
        assertThat(recording.choice().text())
                .isEqualTo(fixture.model().tokenizer().decode(tokens.subList(0, end)));
        assertThat(recording.choice().finishReason()).isEqualTo(FinishReason.STOP);
    }

    @Test
    @DisplayName("A choice ends before a stop string, also if the stop string spans several tokens")
    void beforeAStopString() throws RequestRejectedException {
        List<Integer> tokens = reference.prompts().get(1).greedy().get(6);
        String text = fixture.model().tokenizer().decode(tokens);
        for (int start = 1; start + 3 <= text.length(); start++) {
            String stop = text.substring(start, start + 3);
            RecordingListener recording = run(greedy("stop", 1, 6).stop("absent", stop));
            assertThat(recording.choice().text())
                    .as("stop '%s' in '%s'", stop, text)
                    .isEqualTo(text.substring(0, text.indexOf(stop)));
            assertThat(recording.text(0)).isEqualTo(recording.choice().text());
            assertThat(recording.choice().finishReason()).isEqualTo(FinishReason.STOP);
            assertThat(recording.choice().tokens().size()).isLessThanOrEqualTo(tokens.size());
        }
    }

    @Test
    @DisplayName("A choice ends with the text that was held back for an incomplete stop string")
    void withHeldBackText() throws RequestRejectedException {
        String text = fixture.model()
                .tokenizer()
                .decode(reference.prompts().get(1).greedy().get(6));
        RecordingListener recording = run(greedy("held", 1, 6).stop(text.substring(text.length() - 4) + "absent"));
        assertThat(recording.choice().text()).isEqualTo(text).isEqualTo(recording.text(0));
        assertThat(recording.choice().finishReason()).isEqualTo(FinishReason.LENGTH);
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("A cancelled running request ends with the given reason and the text generated so far")
    @EnumSource(
            value = FinishReason.class,
            names = {"CANCELLED", "DEADLINE"})
    void whileItRuns(FinishReason reason) throws RequestRejectedException {
        RecordingListener recording = RecordingListener.onFirstText(() -> engine.cancel("running", reason));
        engine.submit(endless("running").choices(2).request(), recording);
        assertThat(recording.completion().choices()).hasSize(2).allSatisfy(choice -> {
            assertThat(choice.finishReason()).isEqualTo(reason);
            assertThat(choice.tokens()).isNotEmpty().hasSizeLessThan(20);
            assertThat(choice.text())
                    .isEqualTo(fixture.model().tokenizer().decode(choice.tokens()))
                    .isEqualTo(recording.text(choice.index()));
        });
        assertThat(recording.endings()).containsExactly("0 " + reason, "1 " + reason);
    }

    @Test
    @DisplayName("A cancelled queued request ends with empty choices, and the running one continues")
    void whileItWaits() throws RequestRejectedException {
        RecordingListener waiting = RecordingListener.plain();
        RecordingListener running = RecordingListener.onFirstText(() -> {
            GenerationEngineTest.submit(engine, greedy("waiting", 1, 6).choices(2), waiting);
            engine.cancel("waiting", FinishReason.CANCELLED);
        });
        engine.submit(endless("first").tokens(60).request(), running);
        assertThat(waiting.completion().choices()).hasSize(2).allSatisfy(choice -> {
            assertThat(choice.finishReason()).isEqualTo(FinishReason.CANCELLED);
            assertThat(choice.tokens()).isEmpty();
            assertThat(choice.text()).isEmpty();
        });
        assertThat(running.choice().tokens()).hasSize(60);
    }

    @Test
    @DisplayName("A second cancellation and one with an unknown id have no effect")
    void once() throws RequestRejectedException {
        engine.cancel("unknown", FinishReason.CANCELLED);
        RecordingListener recording = run(greedy("done", 0, 6));
        engine.cancel("done", FinishReason.CANCELLED);
        run(greedy("next", 0, 6));
        assertThat(recording.endings()).containsExactly("0 LENGTH");
        assertThat(recording.choice().finishReason()).isEqualTo(FinishReason.LENGTH);
    }

    @Test
    @DisplayName("Closing the engine ends queued and running requests as cancelled and rejects new ones")
    void whenTheEngineCloses() throws Exception {
        GenerationEngine closing = GenerationEngine.start(fixture.model(), new EngineLimits(2, 64, 1L << 30));
        AtomicReference<Thread> closer = new AtomicReference<>(new Thread(closing::close));
        RecordingListener running =
                RecordingListener.onFirstText(() -> closer.get().start());
        closing.submit(endless("running").request(), running);
        List<RecordingListener> waiting =
                IntStream.range(0, 3).mapToObj(i -> RecordingListener.plain()).toList();
        for (RecordingListener each : waiting) {
            closing.submit(endless("waiting").choices(2).request(), each);
        }
        running.outcome();
        closer.get().join();
        assertThat(running.choice().finishReason()).isEqualTo(FinishReason.CANCELLED);
        assertThat(running.choice().text()).isEqualTo(running.text(0));
        assertThat(waiting)
                .allSatisfy(each -> assertThat(each.completion().choices())
                        .hasSize(2)
                        .allMatch(choice -> choice.finishReason() == FinishReason.CANCELLED));
        assertThat(closing.isAlive()).isFalse();
        assertThatIllegalStateException()
                .isThrownBy(() -> closing.submit(endless("late").request(), RecordingListener.plain()));
        closing.close();
    }

    private RecordingListener run(TestRequest request) throws RequestRejectedException {
        RecordingListener recording = RecordingListener.plain();
        engine.submit(request.request(), recording);
        recording.outcome();
        return recording;
    }

    private TestRequest greedy(String id, int prompt, int boundary) {
        return TestRequest.of(id, reference.prompts().get(prompt).ids()).with(fixture.adapter("all"), boundary);
    }

    /** The base model generates no end-of-sequence token after this prompt. */
    private TestRequest endless(String id) {
        return TestRequest.of(id, reference.prompts().get(3).ids()).tokens(500);
    }
}
