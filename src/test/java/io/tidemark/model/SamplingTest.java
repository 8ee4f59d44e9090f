package io.tidemark.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.tidemark.fixture.FixtureModel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("a token's choice")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SamplingTest {

    private static final int ROWS = 64;
    private static final List<Double> UNIFORMS = List.of(0.0, 0.2, 0.5, 0.9, 1 - 0x1.0p-53);

    private FixtureModel fixture;
    private Decoder decoder;
    private KvPool pool;
    private List<KvSlot> slots;
    private float[] logits;
    private int best;

    @BeforeAll
    void load() {
        fixture = FixtureModel.load("llama-gqa");
        decoder = fixture.model().decoder();
        pool = new KvPool(decoder, Long.MAX_VALUE);
        slots = IntStream.range(0, ROWS).mapToObj(i -> pool.reserve(8).orElseThrow()).toList();
        logits = decoder.logits(List.of(row(slots.get(0), TokenRule.GREEDY))).get(0);
        best = IntStream.range(0, logits.length).reduce((a, b) -> logits[b] > logits[a] ? b : a).orElseThrow();
    }

    @AfterAll
    void close() {
        pool.close();
        fixture.close();
    }

    @ParameterizedTest(name = "temperature {0}, top_p {1}, top_k {2}, min_p {3}")
    @DisplayName("is the greedy one whatever the random number where the settings leave only one token")
    @CsvSource({"0, 1, 0, 0", "1, 1, 1, 0", "50, 1, 1, 0", "1, 1e-9, 0, 0", "3, 4.9e-324, 0, 0", "1, 1, 0, 1", "20, 1, 0, 1",
            "1e-4, 1, 0, 0", "1e-200, 1, 0, 0", "1e-308, 1, 0, 0", "4.9e-324, 0.9, 40, 0.1"})
    void isGreedy(double temperature, double topP, int topK, double minP) {
        Sampling sampling = new Sampling(temperature, topP, topK, minP, 1);
        assertThat(tokens(UNIFORMS.stream().map(u -> new TokenRule(sampling, u, Set.of(), OptionalInt.empty())).toList()))
                .containsOnly(best);
    }

    @ParameterizedTest(name = "temperature {0}, top_p {1}, top_k {2}, min_p {3}, repetition penalty {4}")
    @DisplayName("follows the distribution that transformers draws from, by a chi-square test")
    @CsvSource({"1, 1, 0, 0, 1", "0.7, 0.9, 0, 0, 1", "1.3, 1, 12, 0, 1", "0.9, 0.8, 30, 0, 1", "1, 1, 0, 0.2, 1",
            "0.8, 0.95, 50, 0.05, 1.3", "1.5, 0.6, 5, 0.3, 0.8"})
    void followsTheDistribution(double temperature, double topP, int topK, double minP, double penalty) {
        Sampling sampling = new Sampling(temperature, topP, topK, minP, penalty);
        Set<Integer> seen = Set.of(best, 5, 77, 300);
        double[] expected = new TransformersDistribution(logits, seen).probabilities(sampling);
        int draws = 20 * ROWS;
        int[] counts = new int[expected.length];
        for (int batch = 0; batch < draws / ROWS; batch++) {
            int first = batch * ROWS;
            List<TokenRule> rules = IntStream.range(0, ROWS)
                    .mapToObj(i -> new TokenRule(sampling, (first + i + 0.5) / draws, seen, OptionalInt.empty())).toList();
            tokens(rules).forEach(token -> counts[token]++);
        }
        double chiSquare = 0;
        for (int token = 0; token < expected.length; token++) {
            assertThat(counts[token] == 0 || expected[token] > 0).as("token %d was cut off", token).isTrue();
            if (expected[token] > 0) {
                chiSquare += Math.pow(counts[token] - draws * expected[token], 2) / (draws * expected[token]);
                // Evenly spaced numbers hit an interval as often as its length says, give or take one.
                assertThat(counts[token]).as("token %d", token).isBetween((int) Math.floor(draws * expected[token]) - 1,
                        (int) Math.ceil(draws * expected[token]) + 1);
            }
        }
        long kept = DoubleStream.of(expected).filter(p -> p > 0).count();
        assertThat(chiSquare).as("with %d degrees of freedom", kept - 1).isLessThan(kept + 4 * Math.sqrt(2.0 * kept));
    }

    @ParameterizedTest(name = "penalty {0}")
    @DisplayName("divides the logits of seen tokens by the penalty where they are positive and multiplies the others, as transformers does")
    @ValueSource(doubles = {0.5, 1.2, 3, 40})
    void penalises(double penalty) {
        Set<Integer> seen = Set.of(best, 3, 9, 200);
        double[] changed = new TransformersDistribution(logits, seen).penalised(penalty);
        int expected = IntStream.range(0, changed.length).reduce((a, b) -> changed[b] > changed[a] ? b : a).orElseThrow();
        Sampling greedy = new Sampling(0, 1, 0, 0, penalty);
        assertThat(tokens(List.of(new TokenRule(greedy, 0, seen, OptionalInt.empty())))).containsExactly(expected);
        if (penalty > 2) {
            assertThat(expected).isNotEqualTo(best);
        }
    }

    @Test
    @DisplayName("comes with the log-softmax of the raw logits and the best alternatives, in order")
    void reportsLogprobs() {
        Sampling sampling = new Sampling(2, 0.99, 100, 0, 1.5);
        List<TokenChoice> choices = decoder.step(List.of(
                row(slots.get(0), new TokenRule(sampling, 0.97, Set.of(best), OptionalInt.of(5))),
                row(slots.get(1), new TokenRule(Sampling.GREEDY, 0, Set.of(), OptionalInt.of(0))),
                row(slots.get(2), TokenRule.GREEDY)));
        double[] expected = TransformersDistribution.logSoftmax(logits);
        List<Integer> order = IntStream.range(0, logits.length).boxed().sorted((a, b) -> Float.compare(logits[b], logits[a])).toList();
        assertThat(choices.get(0).logprob()).isCloseTo(expected[choices.get(0).token()], within(1e-4));
        assertThat(choices.get(0).top().stream().map(TokenChoice.Alternative::token)).isEqualTo(order.subList(0, 5));
        choices.get(0).top().forEach(a -> assertThat(a.logprob()).isCloseTo(expected[a.token()], within(1e-4)));
        assertThat(choices.get(1).logprob()).isCloseTo(expected[best], within(1e-4));
        assertThat(choices.get(1).top()).isEmpty();
        assertThat(choices.get(2).top()).isEmpty();
    }

    @Test
    @DisplayName("does not depend on how the other rows of the step are sampled")
    void isIndependentOfNeighbours() {
        List<TokenRule> rules = IntStream.range(0, 20).mapToObj(i -> new TokenRule(
                new Sampling(i % 3 * 0.6, 1 - i % 4 * 0.1, i % 5 * 10, i % 2 * 0.05, 1 + i % 3 * 0.2), i / 20.0,
                i % 2 == 0 ? Set.of(best, i) : Set.of(), i % 4 == 0 ? OptionalInt.of(i % 3) : OptionalInt.empty())).toList();
        List<Integer> together = tokens(rules);
        assertThat(rules.stream().map(rule -> tokens(List.of(rule)).get(0)).toList()).isEqualTo(together);
    }

    @Test
    @DisplayName("says when the logits were not finite, for that row only, greedy or sampled")
    void tellsBadLogits(@TempDir Path temp) {
        Optional<LoraWeights> overflowing = Optional.of(fixture.overflowingAdapter(temp));
        try (KvPool own = new KvPool(decoder, Long.MAX_VALUE)) {
            TokenRule sampled = new TokenRule(new Sampling(1, 0.9, 0, 0.1, 1), 0.5, Set.of(), OptionalInt.empty());
            for (TokenRule rule : List.of(TokenRule.GREEDY, sampled)) {
                List<TokenChoice> choices = decoder.step(List.of(row(own.reserve(4).orElseThrow(), TokenRule.GREEDY),
                        new StepRow(own.reserve(4).orElseThrow(), List.of(5, 6, 7), 0, overflowing, 6, Optional.of(rule))));
                assertThat(choices).extracting(TokenChoice::finite).containsExactly(true, false);
                assertThat(choices.get(0).token()).isEqualTo(best);
            }
        }
    }

    private List<Integer> tokens(List<TokenRule> rules) {
        List<StepRow> batch = new ArrayList<>();
        for (int i = 0; i < rules.size(); i++) {
            batch.add(row(slots.get(i), rules.get(i)));
        }
        return decoder.step(batch).stream().map(TokenChoice::token).toList();
    }

    private static StepRow row(KvSlot slot, TokenRule rule) {
        return new StepRow(slot, List.of(31), 0, Optional.empty(), 0, Optional.of(rule));
    }
}
