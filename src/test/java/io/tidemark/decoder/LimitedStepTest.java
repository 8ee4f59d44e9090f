package io.tidemark.decoder;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.pytorch.jni.JniUtils;
import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.kvcache.KvPool;
import io.tidemark.decoder.kvcache.KvSlot;
import io.tidemark.decoder.sampling.SampledToken;
import io.tidemark.decoder.sampling.TokenSampling;
import io.tidemark.fixture.FixtureModel;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("A step with a limit")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class LimitedStepTest {

    private static final int STEPS = 12;

    private FixtureModel fixture;
    private Decoder decoder;

    @BeforeAll
    void load() {
        fixture = FixtureModel.load("llama-gqa");
        decoder = fixture.model().decoder();
    }

    @AfterAll
    void close() {
        fixture.close();
    }

    @ParameterizedTest(name = "limit of {0} ns")
    @ValueSource(doubles = {0, Double.POSITIVE_INFINITY})
    @DisplayName("Gives the tokens of a step without one, whether it exceeds the limit or not")
    void sameTokens(double nanos) {
        List<Integer> expected = tokens(Optional.empty());
        assertThat(tokens(Optional.of(nanos))).isEqualTo(expected).hasSize(2 * STEPS);
    }

    @Test
    @DisplayName("Continues with fewer threads after the limit, and keeps its threads before it")
    void threads() {
        try (KvPool pool = pool()) {
            decoder.setThreads(2);
            ThreadLimit never = new ThreadLimit(Double.POSITIVE_INFINITY, 1);
            decoder.step(List.of(row(slot(pool), fixture.tokens("name"), 0, true)), never);
            assertThat(never.isExceeded()).isFalse();
            assertThat(JniUtils.getNumThreads()).isEqualTo(2);
            ThreadLimit atOnce = new ThreadLimit(0, 1);
            decoder.step(List.of(row(slot(pool), fixture.tokens("name"), 0, true)), atOnce);
            assertThat(atOnce.isExceeded()).isTrue();
            assertThat(JniUtils.getNumThreads()).isEqualTo(1);
        }
    }

    @Test
    @DisplayName("Exceeds its limit when it would take longer, but not within half of it")
    void judge() {
        ThreadLimit limit = new ThreadLimit(100, 1);
        limit.judge(0.1, 50);
        limit.judge(0.6, 60);
        assertThat(limit.isExceeded()).isFalse();
        limit.judge(0.6, 61);
        limit.judge(1, 90);
        assertThat(limit.isExceeded()).isTrue();
    }

    /** Greedy tokens of two sequences, one with an adapter, in steps that share the rows. */
    private List<Integer> tokens(Optional<Double> limitNanos) {
        List<Integer> tokens = new ArrayList<>();
        try (KvPool pool = pool()) {
            List<KvSlot> slots = List.of(slot(pool), slot(pool));
            List<Integer> first = fixture.tokens("name[Blue Spice], eatType[coffee shop]");
            List<Integer> second = fixture.tokens("The boundary layer");
            int firstEnd = 0;
            int secondEnd = 0;
            for (int step = 0; step < STEPS; step++) {
                List<StepRow> batch =
                        List.of(row(slots.get(0), first, firstEnd, true), row(slots.get(1), second, secondEnd, false));
                List<SampledToken> sampled = limitNanos.isPresent()
                        ? decoder.step(batch, new ThreadLimit(limitNanos.get(), 1))
                        : decoder.step(batch);
                firstEnd += first.size();
                secondEnd += second.size();
                first = List.of(sampled.get(0).token());
                second = List.of(sampled.get(1).token());
                tokens.addAll(first);
                tokens.addAll(second);
            }
        }
        return tokens;
    }

    private StepRow row(KvSlot slot, List<Integer> tokens, int position, boolean adapter) {
        return new StepRow(
                slot,
                tokens,
                position,
                adapter ? Optional.of(fixture.adapter("all")) : Optional.empty(),
                new Boundary(4),
                Optional.of(TokenSampling.greedy()));
    }

    private KvPool pool() {
        return new KvPool(decoder.kvCache(), Long.MAX_VALUE);
    }

    private static KvSlot slot(KvPool pool) {
        return pool.reserve(128).orElseThrow();
    }
}
