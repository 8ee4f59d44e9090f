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

@DisplayName("Sampling parameters of a request")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class RequestSamplingTest {

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
    @DisplayName("Until min_tokens, tokens that end a choice are banned and stop texts are not searched")
    void minTokens() throws RequestRejectedException {
        RecordingListener atOnce = run(greedy("at-once", 4));
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
        RecordingListener beyond = run(greedy("stop", 1)
                .stopAt(StopConditions.after(12).withMinTokens(12).withStop(List.of(text.substring(1, 3)))));
        assertThat(beyond.choice().text()).isEqualTo(text);
        assertThat(beyond.choice().finishReason()).isEqualTo(FinishReason.LENGTH);
    }

    @Test
    @DisplayName("Presence and frequency penalties apply to generated tokens, not to the prompt")
    void penalizesGeneratedTokens() throws RequestRejectedException {
        List<Integer> plain = run(greedy("plain", 1)).choice().tokens();
        TestRequest penalised = greedy("penalised", 1)
                .sampling(SamplingParams.GREEDY.withPenalties(new Penalties(1, 2, 2)))
                .stopAt(StopConditions.afterExactly(40));
        List<Integer> tokens = run(penalised).choice().tokens();
        assertThat(tokens.get(0)).isEqualTo(plain.get(0));
        List<Integer> repeating = run(greedy("repeating", 1).stopAt(StopConditions.afterExactly(40)))
                .choice()
                .tokens();
        assertThat(new HashSet<>(tokens)).hasSizeGreaterThan(new HashSet<>(repeating).size());

        TestRequest biased = greedy("biased", 1)
                .sampling(SamplingParams.GREEDY.withLogitBias(Map.of(9, 100.0)))
                .stopAt(StopConditions.afterExactly(5));
        assertThat(run(biased).choice().tokens()).containsOnly(9);
        TestRequest balanced = biased.sampling(
                SamplingParams.GREEDY.withLogitBias(Map.of(9, 100.0, 10, 99.0)).withPenalties(new Penalties(1, 0, 2)));
        assertThat(run(balanced).choice().tokens()).contains(9, 10);
    }

    @Test
    @DisplayName("Choices have different random numbers, which do not depend on the batch, and usage is their sum")
    void choicesDiffer() throws RequestRejectedException {
        TestRequest request = greedy("n", 3)
                .sampling(SamplingParams.at(1.5).withTopP(0.98))
                .choices(6)
                .stopAt(StopConditions.after(15));
        RecordingListener first = run(request);
        List<List<Integer>> texts = first.completion().choices().stream()
                .map(Completion.GeneratedChoice::tokens)
                .toList();
        assertThat(new HashSet<>(texts)).hasSize(6);
        assertThat(first.completion().usage().completionTokens())
                .isEqualTo(texts.stream().mapToInt(List::size).sum());
        List<RecordingListener> beside =
                IntStream.range(0, 8).mapToObj(i -> RecordingListener.plain()).toList();
        for (int i = 0; i < 8; i++) {
            engine.submit(
                    greedy("beside-" + i, i % 4)
                            .sampling(SamplingParams.at(i % 3).withTopK(i))
                            .request(),
                    beside.get(i));
        }
        assertThat(run(request).completion().choices().stream().map(Completion.GeneratedChoice::tokens))
                .isEqualTo(texts);
        beside.forEach(RecordingListener::outcome);
    }

    @Test
    @DisplayName("logit_bias and stop_token_ids with tokens outside of the vocabulary are refused")
    void refusesUnknownTokens() {
        int vocabulary = fixture.model().config().vocabularySize();
        TestRequest biased = greedy("bias", 1).sampling(SamplingParams.GREEDY.withLogitBias(Map.of(vocabulary, 1.0)));
        assertThatThrownBy(() -> engine.submit(biased.request(), RecordingListener.plain()))
                .isInstanceOfSatisfying(
                        RequestRejectedException.class,
                        e -> assertThat(e.param()).isEqualTo("logit_bias"))
                .hasMessageContaining(String.valueOf(vocabulary));
        TestRequest stopped = greedy("stop", 1).stopAt(StopConditions.after(3).withStopTokens(Set.of(vocabulary)));
        assertThatThrownBy(() -> engine.submit(stopped.request(), RecordingListener.plain()))
                .isInstanceOfSatisfying(
                        RequestRejectedException.class,
                        e -> assertThat(e.param()).isEqualTo("stop_token_ids"));
    }

    private RecordingListener run(TestRequest request) throws RequestRejectedException {
        RecordingListener recording = RecordingListener.plain();
        engine.submit(request.request(), recording);
        recording.outcome();
        return recording;
    }

    private TestRequest greedy(String id, int prompt) {
        return TestRequest.of(id, reference.prompts().get(prompt).ids()).with(fixture.adapter("all"), 6);
    }
}
