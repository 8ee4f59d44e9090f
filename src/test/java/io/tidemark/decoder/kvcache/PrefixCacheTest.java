package io.tidemark.decoder.kvcache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.Decoder;
import io.tidemark.decoder.StepRow;
import io.tidemark.decoder.sampling.TokenSampling;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.model.ModelOptions;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

@DisplayName("Prefix cache")
@ParameterizedClass(name = "{0}")
@MethodSource("io.tidemark.fixture.SupportedKernels#independentRows")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PrefixCacheTest {

    @Parameter
    private ModelOptions options;

    private static final int CHUNK = 64;
    private static final PrefixCache.PrefixScope BASE =
            PrefixCache.PrefixScope.of("tenant", Optional.empty(), new Boundary(0));

    private FixtureModel fixture;
    private Decoder decoder;
    private long chunkBytes;
    /** Of the last pool. */
    private KvBudget budget;

    @BeforeParameterizedClassInvocation
    void load() {
        fixture = FixtureModel.load("llama-gqa", options);
        decoder = fixture.model().decoder();
        chunkBytes = CHUNK * fixture.model().decoder().kvBytesPerToken();
    }

    @AfterParameterizedClassInvocation
    void close() {
        fixture.close();
    }

    @Test
    @DisplayName("The least recently used chunk is evicted to stay within the limit")
    void evictsTheOldest() {
        try (KvPool pool = pool(100 * chunkBytes, 4 * chunkBytes)) {
            keep(pool, tokens(1, 128));
            keep(pool, tokens(2, 128));
            assertThat(pool.prefixes().bytes()).isEqualTo(4 * chunkBytes);
            KvSlot using = pool.reserve(200).orElseThrow();
            assertThat(pool.prefixes().restore(using, BASE, tokens(1, 130))).isEqualTo(128);
            keep(pool, tokens(3, 64));
            assertThat(pool.prefixes().bytes()).isEqualTo(4 * chunkBytes);
            assertThat(pool.prefixes().cachedTokens(BASE, tokens(1, 128)))
                    .as("used last")
                    .isEqualTo(128);
            assertThat(pool.prefixes().cachedTokens(BASE, tokens(2, 128)))
                    .as("its end is evicted before its beginning")
                    .isEqualTo(64);
            assertThat(pool.prefixes().cachedTokens(BASE, tokens(3, 64))).isEqualTo(64);
        }
    }

    @Test
    @DisplayName("The beginning of a prompt longer than the limit is cached")
    void cachesTheBeginning() {
        try (KvPool pool = pool(100 * chunkBytes, 3 * chunkBytes)) {
            keep(pool, tokens(1, 64));
            keep(pool, tokens(2, 400));
            assertThat(pool.prefixes().cachedTokens(BASE, tokens(2, 400))).isEqualTo(3 * CHUNK);
            assertThat(pool.prefixes().cachedTokens(BASE, tokens(1, 64))).isZero();
        }
    }

    @Test
    @DisplayName("Prefixes are evicted if a sequence needs the bytes, and never take those of a sequence")
    void prefixesAreEvictedForSequences() {
        try (KvPool pool = pool(8 * chunkBytes, 8 * chunkBytes)) {
            KvSlot slot = filled(pool, tokens(1, 128));
            assertThat(budget.reserved()).as("a slot of 128 tokens").isEqualTo(2 * chunkBytes);
            pool.prefixes().store(slot, BASE, tokens(1, 128));
            pool.release(slot);
            assertThat(budget.reserved()).isEqualTo(4 * chunkBytes);
            KvSlot large = pool.reserve(384).orElseThrow();
            assertThat(pool.prefixes().cachedTokens(BASE, tokens(1, 128)))
                    .as("the empty block is freed first")
                    .isEqualTo(128);
            assertThat(pool.reserve(128)).isPresent();
            assertThat(pool.prefixes().bytes()).isZero();
            assertThat(budget.reserved()).isEqualTo(8 * chunkBytes);
            pool.prefixes().store(large, BASE, tokens(4, 128));
            assertThat(pool.prefixes().bytes()).isZero();
        }
    }

    @Test
    @DisplayName("A row that continues a cached prefix has the logits of running the whole prompt")
    void holdsTheRightValues() {
        List<Integer> prompt = tokens(1, 300);
        try (KvPool pool = pool(100 * chunkBytes, 50 * chunkBytes)) {
            KvSlot first = pool.reserve(300).orElseThrow();
            float[] expected = decoder.logits(List.of(row(first, prompt, 0))).get(0);
            pool.prefixes().store(first, BASE, prompt);
            KvSlot second = pool.reserve(300).orElseThrow();
            int restored = pool.prefixes().restore(second, BASE, prompt);
            assertThat(restored).isEqualTo(256);
            float[] actual =
                    decoder.logits(List.of(row(second, prompt, restored))).get(0);
            KvSlot third = pool.reserve(300).orElseThrow();
            pool.copy(first, third, 299);
            float[] copied = decoder.logits(List.of(row(third, prompt, 299))).get(0);
            for (int i = 0; i < expected.length; i++) {
                assertThat(actual[i]).isCloseTo(expected[i], within(1e-4f));
                assertThat(copied[i]).isCloseTo(expected[i], within(1e-4f));
            }
        }
    }

    private void keep(KvPool pool, List<Integer> tokens) {
        KvSlot slot = filled(pool, tokens);
        pool.prefixes().store(slot, BASE, tokens);
        pool.release(slot);
    }

    private KvSlot filled(KvPool pool, List<Integer> tokens) {
        KvSlot slot = pool.reserve(tokens.size()).orElseThrow();
        decoder.logits(List.of(row(slot, tokens, 0)));
        return slot;
    }

    private static StepRow row(KvSlot slot, List<Integer> tokens, int from) {
        return new StepRow(
                slot,
                tokens.subList(from, tokens.size()),
                from,
                Optional.empty(),
                new Boundary(0),
                Optional.of(TokenSampling.greedy()));
    }

    private static List<Integer> tokens(int seed, int count) {
        return IntStream.range(0, count)
                .mapToObj(i -> 3 + (seed * 31 + i * i + seed * i) % 400)
                .toList();
    }

    private KvPool pool(long bytes, long prefixBytes) {
        budget = new KvBudget(bytes);
        return new KvPool(decoder.kvCache(), budget, 1, prefixBytes);
    }
}
