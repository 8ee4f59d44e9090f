package io.tidemark.decoder.sampling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.StepRow;
import io.tidemark.decoder.kvcache.KvPool;
import io.tidemark.decoder.kvcache.KvSlot;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.model.ComputeType;
import io.tidemark.model.ModelOptions;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

@DisplayName("Distribution of sampled tokens")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class DistributionTest {

    private static final int ROWS = 64;
    private static final int DRAWS = 40 * ROWS;

    private final Map<ComputeType, Loaded> models = new EnumMap<>(ComputeType.class);

    /** Rows after one token, in a model of one compute type. */
    private record Loaded(FixtureModel fixture, KvPool pool, List<KvSlot> slots) {

        static Loaded in(ComputeType type) {
            FixtureModel fixture = FixtureModel.load("llama-gqa", new ModelOptions(type));
            KvPool pool = new KvPool(fixture.model().decoder().kvCache(), Long.MAX_VALUE);
            return new Loaded(
                    fixture,
                    pool,
                    IntStream.range(0, ROWS)
                            .mapToObj(i -> pool.reserve(8).orElseThrow())
                            .toList());
        }

        List<StepRow> batch(List<TokenSampling> rules) {
            return IntStream.range(0, rules.size())
                    .mapToObj(i -> new StepRow(
                            slots.get(i),
                            List.of(TransformersCase.TOKEN),
                            0,
                            Optional.empty(),
                            new Boundary(0),
                            Optional.of(rules.get(i))))
                    .toList();
        }

        List<Integer> tokens(List<TokenSampling> rules) {
            return fixture.model().decoder().step(batch(rules)).stream()
                    .map(SampledToken::token)
                    .toList();
        }

        /**
         * Logits of one row, in a batch as large as those that sample: a bf16 row may depend on the size of the batch.
         */
        float[] logits() {
            List<float[]> rows = fixture.model()
                    .decoder()
                    .logits(batch(IntStream.range(0, ROWS)
                            .mapToObj(i -> TokenSampling.greedy())
                            .toList()));
            assertThat(rows)
                    .as("rows with the same tokens")
                    .allSatisfy(row -> assertThat(row).isEqualTo(rows.get(0)));
            return rows.get(0);
        }
    }

    @BeforeAll
    void load() {
        Stream.of(ComputeType.values()).forEach(type -> models.put(type, Loaded.in(type)));
    }

    @AfterAll
    void close() {
        models.values().forEach(model -> {
            model.pool().close();
            model.fixture().close();
        });
    }

    static List<TransformersCase> cases() {
        return TransformersCase.all();
    }

    static Stream<Arguments> casesByType() {
        return Stream.of(ComputeType.values()).flatMap(type -> cases().stream().map(one -> Arguments.of(type, one)));
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("The reference processors give the probabilities of transformers for the same logits")
    @MethodSource("cases")
    void processorsMatchTransformers(TransformersCase expected) {
        double[] probabilities = TransformersProcessors.probabilities(
                models.get(ComputeType.FP32).logits(), expected);
        for (int token = 0; token < probabilities.length; token++) {
            assertThat(probabilities[token])
                    .as("token %d", token)
                    .isCloseTo(expected.probability(token), within(1e-5 * expected.probability(token)));
        }
    }

    @ParameterizedTest(name = "{0}: {1}")
    @DisplayName("Sampled tokens have the distribution of transformers, token by token and by a chi-square test")
    @MethodSource("casesByType")
    void followTheDistribution(ComputeType type, TransformersCase expected) {
        double[] probabilities =
                TransformersProcessors.probabilities(models.get(type).logits(), expected);
        int[] counts = new int[probabilities.length];
        for (int first = 0; first < DRAWS; first += ROWS) {
            int from = first;
            models.get(type)
                    .tokens(IntStream.range(0, ROWS)
                            .mapToObj(i -> rule(expected, expected.sampling(), (from + i + 0.5) / DRAWS))
                            .toList())
                    .forEach(token -> counts[token]++);
        }
        double chiSquare = 0;
        int kept = 0;
        for (int token = 0; token < counts.length; token++) {
            double expectedCount = DRAWS * probabilities[token];
            if (expectedCount == 0) {
                assertThat(counts[token])
                        .as("token %d has probability 0", token)
                        .isZero();
            } else {
                kept++;
                chiSquare += Math.pow(counts[token] - expectedCount, 2) / expectedCount;
                // Evenly spaced numbers fall into an interval in proportion to its length, within one.
                assertThat(counts[token])
                        .as("token %d", token)
                        .isBetween((int) Math.floor(expectedCount) - 1, (int) Math.ceil(expectedCount) + 1);
            }
        }
        assertThat(chiSquare).as("with %d degrees of freedom", kept - 1).isLessThan(kept + 4 * Math.sqrt(2.0 * kept));
    }

    @ParameterizedTest(name = "{0}: {1}")
    @DisplayName("At temperature 0 the most likely token after bias and penalties is taken")
    @MethodSource("casesByType")
    void areTheMostLikely(ComputeType type, TransformersCase expected) {
        SamplingParams s = expected.sampling();
        SamplingParams greedy = new SamplingParams(0, s.topP(), s.topK(), s.minP(), s.penalties(), s.logitBias());
        double[] probabilities =
                TransformersProcessors.probabilities(models.get(type).logits(), expected);
        int mostLikely = IntStream.range(0, probabilities.length)
                .reduce((a, b) -> probabilities[b] > probabilities[a] ? b : a)
                .orElseThrow();
        assertThat(models.get(type).tokens(List.of(rule(expected, greedy, 0.7))))
                .containsExactly(mostLikely);
    }

    private static TokenSampling rule(TransformersCase expected, SamplingParams sampling, double uniform) {
        return TokenSampling.of(sampling, uniform).withCounts(expected.seen()).withBanned(expected.banned());
    }
}
