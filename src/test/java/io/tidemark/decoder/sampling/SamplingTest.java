package io.tidemark.decoder.sampling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.Decoder;
import io.tidemark.decoder.StepRow;
import io.tidemark.decoder.kvcache.KvPool;
import io.tidemark.decoder.kvcache.KvSlot;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.fixture.FixtureModel;
import java.nio.IntBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("Sampling of a token")
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
        pool = new KvPool(decoder.kvCache(), Long.MAX_VALUE);
        slots = IntStream.range(0, ROWS)
                .mapToObj(i -> pool.reserve(8).orElseThrow())
                .toList();
        logits = decoder.logits(List.of(row(slots.get(0), TokenSampling.greedy())))
                .get(0);
        best = IntStream.range(0, logits.length)
                .reduce((a, b) -> logits[b] > logits[a] ? b : a)
                .orElseThrow();
    }

    @AfterAll
    void close() {
        pool.close();
        fixture.close();
    }

    @ParameterizedTest(name = "temperature {0}, top_p {1}, top_k {2}, min_p {3}")
    @DisplayName("Parameters that leave one token take the greedy token for any random number")
    @CsvSource({
        "0, 1, 0, 0",
        "1, 1, 1, 0",
        "50, 1, 1, 0",
        "1, 1e-9, 0, 0",
        "3, 4.9e-324, 0, 0",
        "1, 1, 0, 1",
        "20, 1, 0, 1",
        "1e-4, 1, 0, 0",
        "1e-200, 1, 0, 0",
        "1e-308, 1, 0, 0",
        "4.9e-324, 0.9, 40, 0.1"
    })
    void isGreedy(double temperature, double topP, int topK, double minP) {
        SamplingParams sampling = new SamplingParams(temperature, topP, topK, minP, Penalties.NONE, Map.of());
        assertThat(tokens(UNIFORMS.stream()
                        .map(u -> TokenSampling.of(sampling, u))
                        .toList()))
                .containsOnly(best);
    }

    @Test
    @DisplayName("Log-probabilities are the log-softmax of the raw logits, and alternatives are ordered")
    void reportsLogprobs() {
        SamplingParams sampling = SamplingParams.at(2)
                .withTopP(0.99)
                .withTopK(100)
                .withPenalties(Penalties.repetition(1.5))
                .withLogitBias(Map.of(best, -5.0));
        List<SampledToken> choices = decoder.step(List.of(
                row(
                        slots.get(0),
                        TokenSampling.of(sampling, 0.97)
                                .withCounts(new TokenCounts(List.of(best)))
                                .withTop(5)),
                row(slots.get(1), TokenSampling.greedy().withTop(0)),
                row(slots.get(2), TokenSampling.greedy())));
        double[] expected = logSoftmax(logits);
        List<Integer> order = IntStream.range(0, logits.length)
                .boxed()
                .sorted((a, b) -> Float.compare(logits[b], logits[a]))
                .toList();
        assertThat(choices.get(0).logprob()).isCloseTo(expected[choices.get(0).token()], within(1e-4));
        assertThat(choices.get(0).top().stream().map(SampledToken.TopToken::token))
                .isEqualTo(order.subList(0, 5));
        choices.get(0).top().forEach(a -> assertThat(a.logprob()).isCloseTo(expected[a.token()], within(1e-4)));
        assertThat(choices.get(1).logprob()).isCloseTo(expected[best], within(1e-4));
        assertThat(choices.get(1).top()).isEmpty();
        assertThat(choices.get(2).top()).isEmpty();
    }

    @Test
    @DisplayName("The token does not depend on how other rows of the step are sampled")
    void isIndependentOfNeighbours() {
        List<TokenSampling> rules = IntStream.range(0, 40)
                .mapToObj(i -> {
                    SamplingParams sampling = new SamplingParams(
                            i % 3 * 0.6,
                            1 - i % 4 * 0.1,
                            i % 5 * 10,
                            i % 2 * 0.05,
                            new Penalties(1 + i % 3 * 0.2, i % 7 * 0.1, i % 6 * 0.1),
                            i % 9 == 0 ? Map.of(i, 3.0, best, -1.0) : Map.of());
                    TokenSampling rule =
                            TokenSampling.of(sampling, i / 40.0).withBanned(i % 8 == 0 ? Set.of(i, best) : Set.of());
                    TokenCounts seen = new TokenCounts(List.of(best, i));
                    seen.add(i + 1);
                    rule = i % 2 == 0 ? rule.withCounts(seen) : rule;
                    return i % 4 == 0 ? rule.withTop(i % 3) : rule;
                })
                .toList();
        List<Integer> together = tokens(rules);
        assertThat(rules.stream().map(rule -> tokens(List.of(rule)).get(0)).toList())
                .isEqualTo(together);
    }

    @Test
    @DisplayName("A mask has the effect of banning all other tokens, whatever the parameters and the other rows are")
    void masksAreBans() {
        Random random = new Random(3);
        TokenMasks masks = new TokenMasks(ROWS, logits.length);
        IntBuffer bits = masks.bits(ROWS);
        List<TokenSampling> masked = new ArrayList<>();
        List<TokenSampling> banned = new ArrayList<>();
        for (int i = 0; i < ROWS; i++) {
            // few tokens to nearly all, with bits outside of the vocabulary
            Set<Integer> others = IntStream.range(0, logits.length).boxed().collect(Collectors.toSet());
            double share = i % 4 == 0 ? 0.01 : random.nextDouble();
            for (int token = 0; token < bits.capacity() / ROWS * Integer.SIZE; token++) {
                if (random.nextDouble() < share || token == i || token >= logits.length) {
                    int word = i * (bits.capacity() / ROWS) + token / Integer.SIZE;
                    bits.put(word, bits.get(word) | 1 << token % Integer.SIZE);
                    others.remove(token);
                }
            }
            SamplingParams sampling = new SamplingParams(
                    i % 3 * 0.9,
                    i % 2 == 0 ? 1 : 1 - i % 4 * 0.1,
                    i % 5 * 10,
                    i % 7 == 0 ? 0.05 : 0,
                    i % 4 < 2 ? Penalties.NONE : new Penalties(1 + i % 3 * 0.2, i % 7 * 0.1, i % 6 * 0.1),
                    i % 9 == 0 ? Map.of(i, 3.0, best, 1.0) : Map.of());
            TokenCounts seen = new TokenCounts(List.of(best, i));
            seen.add(i + 1);
            TokenSampling rule = TokenSampling.of(sampling, random.nextDouble()).withCounts(seen);
            masked.add(i % 8 == 7 ? rule : rule.withMask(masks.mask(i)));
            banned.add(i % 8 == 7 ? rule : rule.withBanned(others));
        }
        List<Integer> together = tokens(masked);
        assertThat(together).isEqualTo(tokens(banned));
        for (int i = 0; i < ROWS; i++) {
            assertThat(tokens(List.of(masked.get(i)))).as("row %d", i).containsExactly(together.get(i));
        }
    }

    @Test
    @DisplayName("The masks of a step must be in one buffer")
    void oneBuffer() {
        List<TokenSampling> rows = Stream.generate(() -> new TokenMasks(1, logits.length))
                .limit(2)
                .map(masks -> TokenSampling.greedy().withMask(masks.mask(0)))
                .toList();
        assertThatIllegalArgumentException().isThrownBy(() -> new SamplingBatch(rows));
    }

    @Test
    @DisplayName("Logits that are not finite are reported for their row only, greedy or sampled")
    void reportsLogitsThatAreNotFinite(@TempDir Path temp) {
        Optional<LoraWeights> overflowing = Optional.of(fixture.overflowingAdapter(temp));
        try (KvPool own = new KvPool(decoder.kvCache(), Long.MAX_VALUE)) {
            TokenSampling sampled =
                    TokenSampling.of(SamplingParams.at(1).withTopP(0.9).withMinP(0.1), 0.5);
            for (TokenSampling rule : List.of(
                    TokenSampling.greedy(),
                    TokenSampling.of(SamplingParams.at(1), 0.5),
                    TokenSampling.of(SamplingParams.at(1).withTopK(9), 0.5),
                    sampled)) {
                List<SampledToken> choices = decoder.step(List.of(
                        row(own.reserve(4).orElseThrow(), TokenSampling.greedy()),
                        new StepRow(
                                own.reserve(4).orElseThrow(),
                                List.of(5, 6, 7),
                                0,
                                overflowing,
                                new Boundary(6),
                                Optional.of(rule))));
                assertThat(choices).extracting(SampledToken::finite).containsExactly(true, false);
                assertThat(choices.get(0).token()).isEqualTo(best);
            }
        }
    }

    private List<Integer> tokens(List<TokenSampling> rules) {
        List<StepRow> batch = new ArrayList<>();
        for (int i = 0; i < rules.size(); i++) {
            batch.add(row(slots.get(i), rules.get(i)));
        }
        return decoder.step(batch).stream().map(SampledToken::token).toList();
    }

    private static double[] logSoftmax(float[] logits) {
        double sum = IntStream.range(0, logits.length)
                .mapToDouble(i -> Math.exp(logits[i]))
                .sum();
        return IntStream.range(0, logits.length)
                .mapToDouble(i -> logits[i] - Math.log(sum))
                .toArray();
    }

    private static StepRow row(KvSlot slot, TokenSampling rule) {
        return new StepRow(slot, List.of(31), 0, Optional.empty(), new Boundary(0), Optional.of(rule));
    }
}
