package io.tidemark.generation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.ReferenceText;
import io.tidemark.generation.Completion.Choice;
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

@DisplayName("a request ends")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class EndingsTest {

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
    @DisplayName("after max_tokens tokens")
    void atItsLength() throws RequestRefused {
        for (int tokens = 1; tokens < 12; tokens++) {
            Choice choice = run(greedy("length", 0, 6).tokens(tokens)).choice();
            assertThat(choice.finishReason()).isEqualTo(FinishReason.LENGTH);
            assertThat(choice.tokens())
                    .isEqualTo(reference.prompts().get(0).greedy().get(6).subList(0, tokens));
        }
    }

    @Test
    @DisplayName("at the end-of-sequence token, which is counted and not shown")
    void atTheEndOfSequence() throws RequestRefused {
        Recording recording = run(greedy("end", 4, 6).tokens(50));
        assertThat(recording.choice().tokens()).containsExactly(2);
        assertThat(recording.choice().text()).isEmpty();
        assertThat(recording.choice().finishReason()).isEqualTo(FinishReason.STOP);
        assertThat(recording.completion().usage().completionTokens()).isEqualTo(1);
    }

    @Test
    @DisplayName(
            "after exactly the tokens asked for where the end-of-sequence token is ignored, which is then a token like others")
    void ignoringTheEndOfSequence() throws RequestRefused {
        Recording recording = run(greedy("on", 4, 6).stopAt(StopConditions.afterExactly(30)));
        assertThat(recording.choice().tokens()).hasSize(30).startsWith(2);
        assertThat(recording.choice().finishReason()).isEqualTo(FinishReason.LENGTH);
    }

    @Test
    @DisplayName("at a stop token, which is counted and not shown, although the end-of-sequence token is ignored")
    void atAStopToken() throws RequestRefused {
        List<Integer> tokens = reference.prompts().get(1).greedy().get(6);
        Recording recording = run(greedy("stop-token", 1, 6)
                .stopAt(StopConditions.afterExactly(30).withStopTokens(Set.of(tokens.get(3)))));
        int end = tokens.indexOf(tokens.get(3));
        assertThat(recording.choice().tokens()).isEqualTo(tokens.subList(0, end + 1));
        assertThat(recording.choice().text())
                .isEqualTo(fixture.model().tokenizer().decode(tokens.subList(0, end)));
        assertThat(recording.choice().finishReason()).isEqualTo(FinishReason.STOP);
    }

    @Test
    @DisplayName("before a stop string wherever it lies, also across the borders of tokens")
    void beforeAStopString() throws RequestRefused {
        List<Integer> tokens = reference.prompts().get(1).greedy().get(6);
        String text = fixture.model().tokenizer().decode(tokens);
        for (int start = 1; start + 3 <= text.length(); start++) {
            String stop = text.substring(start, start + 3);
            Recording recording = run(greedy("stop", 1, 6).stop("never there", stop));
            assertThat(recording.choice().text())
                    .as("stop '%s' in '%s'", stop, text)
                    .isEqualTo(text.substring(0, text.indexOf(stop)));
            assertThat(recording.pieces(0)).isEqualTo(recording.choice().text());
            assertThat(recording.choice().finishReason()).isEqualTo(FinishReason.STOP);
            assertThat(recording.choice().tokens().size()).isLessThanOrEqualTo(tokens.size());
        }
    }

    @Test
    @DisplayName("with the text that was held back for a stop string that did not complete")
    void withWhatWasHeldBack() throws RequestRefused {
        String text = fixture.model()
                .tokenizer()
                .decode(reference.prompts().get(1).greedy().get(6));
        Recording recording = run(greedy("held", 1, 6).stop(text.substring(text.length() - 4) + "never there"));
        assertThat(recording.choice().text()).isEqualTo(text).isEqualTo(recording.pieces(0));
        assertThat(recording.choice().finishReason()).isEqualTo(FinishReason.LENGTH);
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("where it runs when it is cancelled, with the reason given and the text so far")
    @EnumSource(
            value = FinishReason.class,
            names = {"CANCELLED", "DEADLINE"})
    void whereItRuns(FinishReason reason) throws RequestRefused {
        Recording recording = Recording.onFirstText(() -> engine.cancel("running", reason));
        engine.submit(endless("running").choices(2).request(), recording);
        assertThat(recording.completion().choices()).hasSize(2).allSatisfy(choice -> {
            assertThat(choice.finishReason()).isEqualTo(reason);
            assertThat(choice.tokens()).isNotEmpty().hasSizeLessThan(20);
            assertThat(choice.text())
                    .isEqualTo(fixture.model().tokenizer().decode(choice.tokens()))
                    .isEqualTo(recording.pieces(choice.index()));
        });
        assertThat(recording.endings()).containsExactly("0 " + reason, "1 " + reason);
    }

    @Test
    @DisplayName("while it waits when it is cancelled, with empty choices, and the one it waited for goes on")
    void whileItWaits() throws RequestRefused {
        Recording waiting = Recording.plain();
        Recording running = Recording.onFirstText(() -> {
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
    @DisplayName("once, although it is cancelled again or another id is named")
    void once() throws RequestRefused {
        engine.cancel("nobody", FinishReason.CANCELLED);
        Recording recording = run(greedy("done", 0, 6));
        engine.cancel("done", FinishReason.CANCELLED);
        run(greedy("next", 0, 6));
        assertThat(recording.endings()).containsExactly("0 LENGTH");
        assertThat(recording.choice().finishReason()).isEqualTo(FinishReason.LENGTH);
    }

    @Test
    @DisplayName("as cancelled when the engine closes, waiting or running, and no other request is taken")
    void whenTheEngineCloses() throws Exception {
        GenerationEngine closing = GenerationEngine.start(fixture.model(), new EngineLimits(2, 64, 1L << 30));
        AtomicReference<Thread> closer = new AtomicReference<>(new Thread(closing::close));
        Recording running = Recording.onFirstText(() -> closer.get().start());
        closing.submit(endless("running").request(), running);
        List<Recording> waiting =
                IntStream.range(0, 3).mapToObj(i -> Recording.plain()).toList();
        for (Recording each : waiting) {
            closing.submit(endless("waiting").choices(2).request(), each);
        }
        running.outcome();
        closer.get().join();
        assertThat(running.choice().finishReason()).isEqualTo(FinishReason.CANCELLED);
        assertThat(running.choice().text()).isEqualTo(running.pieces(0));
        assertThat(waiting)
                .allSatisfy(each -> assertThat(each.completion().choices())
                        .hasSize(2)
                        .allMatch(choice -> choice.finishReason() == FinishReason.CANCELLED));
        assertThat(closing.isAlive()).isFalse();
        assertThatIllegalStateException()
                .isThrownBy(() -> closing.submit(endless("late").request(), Recording.plain()));
        closing.close();
    }

    private Recording run(Ask ask) throws RequestRefused {
        Recording recording = Recording.plain();
        engine.submit(ask.request(), recording);
        recording.outcome();
        return recording;
    }

    private Ask greedy(String id, int prompt, int boundary) {
        return Ask.about(id, reference.prompts().get(prompt).ids()).with(fixture.adapter("all"), boundary);
    }

    /** The base model goes on after this prompt for as long as it may. */
    private Ask endless(String id) {
        return Ask.about(id, reference.prompts().get(3).ids()).tokens(500);
    }
}
