package io.tidemark.model;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.fixture.FixtureModel;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@DisplayName("sampled tokens")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class DistributionTest {

    private static final int ROWS = 64;
    private static final int DRAWS = 40 * ROWS;

    private FixtureModel fixture;
    private KvPool pool;
    private List<KvSlot> slots;

    @BeforeAll
    void load() {
        fixture = FixtureModel.load("llama-gqa");
        pool = new KvPool(fixture.model().decoder(), Long.MAX_VALUE);
        slots = IntStream.range(0, ROWS).mapToObj(i -> pool.reserve(8).orElseThrow()).toList();
    }

    @AfterAll
    void close() {
        pool.close();
        fixture.close();
    }

    static List<TransformersCase> cases() {
        return TransformersCase.all();
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("follow the distribution that transformers draws from, token by token and by a chi-square test")
    @MethodSource("cases")
    void followTheDistribution(TransformersCase expected) {
        int[] counts = new int[fixture.model().config().vocabularySize()];
        for (int first = 0; first < DRAWS; first += ROWS) {
            int from = first;
            tokens(IntStream.range(0, ROWS).mapToObj(i -> rule(expected, expected.sampling(), (from + i + 0.5) / DRAWS)).toList())
                    .forEach(token -> counts[token]++);
        }
        double chiSquare = 0;
        for (int token = 0; token < counts.length; token++) {
            double wanted = DRAWS * expected.probability(token);
            if (wanted == 0) {
                assertThat(counts[token]).as("token %d was cut off", token).isZero();
            } else {
                chiSquare += Math.pow(counts[token] - wanted, 2) / wanted;
                // Evenly spaced numbers hit an interval as often as its length says, give or take one.
                assertThat(counts[token]).as("token %d", token).isBetween((int) Math.floor(wanted) - 1, (int) Math.ceil(wanted) + 1);
            }
        }
        int kept = expected.probabilities().size();
        assertThat(chiSquare).as("with %d degrees of freedom", kept - 1).isLessThan(kept + 4 * Math.sqrt(2.0 * kept));
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("at temperature 0 are the most likely ones after bias and penalties")
    @MethodSource("cases")
    void areTheMostLikely(TransformersCase expected) {
        Sampling s = expected.sampling();
        Sampling greedy = new Sampling(0, s.topP(), s.topK(), s.minP(), s.penalties(), s.logitBias());
        assertThat(tokens(List.of(rule(expected, greedy, 0.7)))).containsExactly(expected.mostLikely());
    }

    private static TokenRule rule(TransformersCase expected, Sampling sampling, double uniform) {
        return TokenRule.of(sampling, uniform).withSeen(expected.seen()).withBanned(expected.banned());
    }

    private List<Integer> tokens(List<TokenRule> rules) {
        List<StepRow> batch = IntStream.range(0, rules.size()).mapToObj(i -> new StepRow(slots.get(i),
                List.of(TransformersCase.TOKEN), 0, Optional.empty(), 0, Optional.of(rules.get(i)))).toList();
        return fixture.model().decoder().step(batch).stream().map(TokenChoice::token).toList();
    }
}
