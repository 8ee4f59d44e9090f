package io.tidemark.generation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.decoder.sampling.Penalties;
import io.tidemark.decoder.sampling.SamplingParams;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.ReferenceText;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

@DisplayName("a request's sampling")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SamplingRequestsTest {

    private static final int END = 2;

    private FixtureModel fixture;
    private ReferenceText reference;
    private GenerationEngine engine;

    @BeforeAll
    void load() {
        fixture = FixtureModel.load("llama-gqa");
        reference = fixture.reference("all");
        engine = GenerationEngine.start(fixture.model(), new EngineLimits(16, 64, 1L << 30));
    }

    @AfterAll
    void close() {
        engine.close();
        fixture.close();
    }

    @Test
    @DisplayName("bans what would end a choice until it has its least tokens, and looks for stop texts only then")
    void leastTokens() throws RequestRefused {
        Recording atOnce = run(greedy("at-once", 4));
        assertThat(atOnce.choice().tokens()).containsExactly(END);
        List<Integer> tokens = run(greedy("least", 4)
                        .stopAt(StopConditions.after(30).withMinTokens(7)))
                .choice()
                .tokens();
        assertThat(tokens).hasSizeGreaterThan(6);
        assertThat(tokens.subList(0, 7)).doesNotContain(END);

        String text = fixture.model()
                .tokenizer()
                .decode(reference.prompts().get(1).greedy().get(6));
        Recording beyond = run(greedy("stop", 1)
                .stopAt(StopConditions.after(12).withMinTokens(12).withStop(List.of(text.substring(1, 3)))));
        assertThat(beyond.choice().text()).isEqualTo(text);
        assertThat(beyond.choice().finishReason()).isEqualTo(FinishReason.LENGTH);
    }

    @Test
    @DisplayName("takes the answer's own tokens, and not the prompt's, for presence and frequency")
    void countsTheAnswersTokens() throws RequestRefused {
        List<Integer> plain = run(greedy("plain", 1)).choice().tokens();
        Ask penalised = greedy("penalised", 1)
                .sampling(SamplingParams.GREEDY.withPenalties(new Penalties(1, 2, 2)))
                .stopAt(StopConditions.afterExactly(40));
        List<Integer> tokens = run(penalised).choice().tokens();
        assertThat(tokens.get(0)).isEqualTo(plain.get(0));
        List<Integer> repeating = run(greedy("repeating", 1).stopAt(StopConditions.afterExactly(40)))
                .choice()
                .tokens();
        assertThat(new HashSet<>(tokens)).hasSizeGreaterThan(new HashSet<>(repeating).size());

        Ask biased = greedy("biased", 1)
                .sampling(SamplingParams.GREEDY.withLogitBias(Map.of(9, 100.0)))
                .stopAt(StopConditions.afterExactly(5));
        assertThat(run(biased).choice().tokens()).containsOnly(9);
        Ask balanced = biased.sampling(
                SamplingParams.GREEDY.withLogitBias(Map.of(9, 100.0, 10, 99.0)).withPenalties(new Penalties(1, 0, 2)));
        assertThat(run(balanced).choice().tokens()).contains(9, 10);
    }

    @Test
    @DisplayName(
            "draws other numbers for each choice, the same for each run and whatever runs beside it, and its usage is the sum")
    void choicesDiffer() throws RequestRefused {
        Ask ask = greedy("n", 3)
                .sampling(SamplingParams.at(1.5).withTopP(0.98))
                .choices(6)
                .stopAt(StopConditions.after(15));
        Recording first = run(ask);
        List<List<Integer>> texts = first.completion().choices().stream()
                .map(Completion.Choice::tokens)
                .toList();
        assertThat(new HashSet<>(texts)).hasSize(6);
        assertThat(first.completion().usage().completionTokens())
                .isEqualTo(texts.stream().mapToInt(List::size).sum());
        List<Recording> beside =
                IntStream.range(0, 8).mapToObj(i -> Recording.plain()).toList();
        for (int i = 0; i < 8; i++) {
            engine.submit(
                    greedy("beside-" + i, i % 4)
                            .sampling(SamplingParams.at(i % 3).withTopK(i))
                            .request(),
                    beside.get(i));
        }
        assertThat(run(ask).completion().choices().stream().map(Completion.Choice::tokens))
                .isEqualTo(texts);
        beside.forEach(Recording::outcome);
    }

    @Test
    @DisplayName("names no token that the model has not")
    void namesNoStrangeToken() {
        int vocabulary = fixture.model().config().vocabularySize();
        Ask biased = greedy("bias", 1).sampling(SamplingParams.GREEDY.withLogitBias(Map.of(vocabulary, 1.0)));
        assertThatThrownBy(() -> engine.submit(biased.request(), Recording.plain()))
                .isInstanceOfSatisfying(
                        RequestRefused.class, e -> assertThat(e.param()).isEqualTo("logit_bias"))
                .hasMessageContaining(String.valueOf(vocabulary));
        Ask stopped = greedy("stop", 1).stopAt(StopConditions.after(3).withStopTokens(Set.of(vocabulary)));
        assertThatThrownBy(() -> engine.submit(stopped.request(), Recording.plain()))
                .isInstanceOfSatisfying(
                        RequestRefused.class, e -> assertThat(e.param()).isEqualTo("stop_token_ids"));
    }

    private Recording run(Ask ask) throws RequestRefused {
        Recording recording = Recording.plain();
        engine.submit(ask.request(), recording);
        recording.outcome();
        return recording;
    }

    private Ask greedy(String id, int prompt) {
        return Ask.about(id, reference.prompts().get(prompt).ids()).with(fixture.adapter("all"), 6);
    }
}
