package io.tidemark.decoder.kvcache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.tidemark.decoder.script.DecoderException;
import io.tidemark.fixture.FixtureModel;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

@DisplayName("KV pool")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class KvPoolTest {

    private FixtureModel fixture;
    private long tokenBytes;
    private KvBudget ofLastPool;

    @BeforeAll
    void load() {
        fixture = FixtureModel.load("llama-gqa");
        tokenBytes = fixture.model().decoder().kvBytesPerToken();
    }

    @AfterAll
    void close() {
        fixture.close();
    }

    @Test
    @DisplayName("The bytes of a token are those of keys and values in all layers as float32")
    void countsBytes() {
        assertThat(tokenBytes).isEqualTo(2 * 6 * 2 * 16 * 4);
    }

    @Test
    @DisplayName(
            "Capacities are whole tiles, at most a third of a slot above two tiles is unused, and the context length is the limit")
    void roundsUp() {
        try (KvPool pool = pool(Long.MAX_VALUE)) {
            for (int tokens : List.of(64, 86, 97, 128, 129, 193, 256, 257, 385, 511, 512)) {
                int capacity = pool.reserve(tokens).orElseThrow().capacity();
                assertThat(capacity).isBetween(tokens, Math.min(512, Math.max(64, (int) (tokens * 1.5))));
            }
            assertThat(pool.reserve(1).orElseThrow().capacity()).isEqualTo(64);
            assertThat(pool.reserve(65).orElseThrow().capacity()).isEqualTo(128);
            assertThat(pool.reserve(129).orElseThrow().capacity()).isEqualTo(192);
            assertThat(pool.reserve(300).orElseThrow().capacity()).isEqualTo(384);
        }
    }

    @Test
    @DisplayName("The budget is not exceeded, and a slot is refused only while the budget is used")
    void keepsItsBudget() {
        long budget = 11 * 64 * tokenBytes + 5;
        try (KvPool pool = pool(budget)) {
            List<KvSlot> slots = IntStream.range(0, 11)
                    .mapToObj(i -> pool.reserve(64).orElseThrow())
                    .toList();
            assertThat(reserved()).isEqualTo(11 * 64 * tokenBytes).isLessThanOrEqualTo(budget);
            assertThat(pool.reserve(1)).isEmpty();
            pool.release(slots.get(4));
            assertThat(pool.reserve(1)).isPresent();
            assertThat(pool.reserve(1)).isEmpty();
        }
    }

    @Test
    @DisplayName("A block of several slots takes at most an eighth of the budget")
    void limitsTheSizeOfABlock() {
        try (KvPool pool = pool(10 * 512 * tokenBytes)) {
            assertThat(pool.reserve(512)).isPresent();
            assertThat(reserved()).isEqualTo(512 * tokenBytes);
            assertThat(pool.reserve(256)).isPresent();
            assertThat(reserved()).isEqualTo((512 + 2 * 256) * tokenBytes);
        }
    }

    @Test
    @DisplayName("Empty blocks of another size are freed if a sequence needs their bytes; used ones are kept")
    void reclaimsEmptyBlocks() {
        try (KvPool pool = pool(8 * 64 * tokenBytes)) {
            List<KvSlot> small = IntStream.range(0, 8)
                    .mapToObj(i -> pool.reserve(64).orElseThrow())
                    .toList();
            small.subList(1, 8).forEach(pool::release);
            assertThat(pool.reserve(512)).as("while one small slot is used").isEmpty();
            pool.release(small.get(0));
            KvSlot large = pool.reserve(512).orElseThrow();
            assertThat(large.capacity()).isEqualTo(512);
            assertThat(reserved()).isEqualTo(512 * tokenBytes);
            assertThat(pool.reserve(1)).isEmpty();
            pool.release(large);
            assertThat(IntStream.range(0, 8).mapToObj(i -> pool.reserve(1)).toList())
                    .allSatisfy(slot -> assertThat(slot).isPresent());
        }
    }

    @Test
    @DisplayName("canEverHold is exact, whatever was reserved before")
    void canEverHoldIsExact() {
        long budget = 7 * 128 * tokenBytes;
        try (KvPool pool = pool(budget)) {
            for (int tokens : List.of(1, 64, 96, 100, 200, 300, 400, 512)) {
                for (int sequences = 1; sequences <= 12; sequences++) {
                    IntStream.range(0, 3)
                            .mapToObj(i -> pool.reserve(64 + 40 * i))
                            .flatMap(Optional::stream)
                            .toList()
                            .forEach(pool::release);
                    List<KvSlot> slots = IntStream.range(0, sequences)
                            .mapToObj(i -> pool.reserve(tokens))
                            .flatMap(Optional::stream)
                            .toList();
                    assertThat(slots.size() == sequences)
                            .as("%d sequences of %d tokens", sequences, tokens)
                            .isEqualTo(pool.canEverHold(tokens, sequences));
                    assertThat(reserved()).isLessThanOrEqualTo(budget);
                    slots.forEach(pool::release);
                }
            }
        }
    }

    @Test
    @DisplayName("Numbers of sequences whose bytes would overflow are handled")
    void doesNotOverflow() {
        try (KvPool pool = pool(Long.MAX_VALUE / 2)) {
            assertThat(pool.canEverHold(512, Integer.MAX_VALUE)).isTrue();
        }
        try (KvPool pool = pool(1L << 40)) {
            assertThat(pool.canEverHold(512, Integer.MAX_VALUE)).isFalse();
        }
    }

    @Test
    @DisplayName("The lowest free slot is used first")
    void reusesTheLowest() {
        try (KvPool pool = pool(Long.MAX_VALUE)) {
            List<KvSlot> slots = IntStream.range(0, 12)
                    .mapToObj(i -> pool.reserve(64).orElseThrow())
                    .toList();
            assertThat(slots.stream().map(KvSlot::index)).containsExactly(0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3);
            pool.release(slots.get(9));
            pool.release(slots.get(5));
            pool.release(slots.get(2));
            List<KvSlot> again = IntStream.range(0, 3)
                    .mapToObj(i -> pool.reserve(64).orElseThrow())
                    .toList();
            assertThat(again.stream().map(KvSlot::index)).containsExactly(2, 5, 1);
            assertThat(again.get(0).block()).isSameAs(slots.get(0).block());
            assertThat(again.get(2).block()).isSameAs(slots.get(8).block());
        }
    }

    @Test
    @DisplayName("An allocation that fails takes no budget, and closing a pool returns all of its budget")
    void failedAllocation() {
        KvBudget budget = new KvBudget(Long.MAX_VALUE);
        // more than the address space
        try (KvPool pool = pool(budget, 1 << 30)) {
            assertThatExceptionOfType(DecoderException.class).isThrownBy(() -> pool.reserve(512, 2));
            assertThat(budget.reserved()).isZero();
        }
        try (KvPool pool = pool(budget, 2)) {
            assertThat(pool.reserve(512, 3)).isPresent();
            assertThat(budget.reserved()).isPositive();
        }
        assertThat(budget.reserved()).isZero();
    }

    private KvPool pool(KvBudget budget, int slots) {
        return new KvPool(fixture.model().decoder().kvCache(), budget, slots, 0);
    }

    private KvPool pool(long bytes) {
        ofLastPool = new KvBudget(bytes);
        return pool(ofLastPool, 8);
    }

    private long reserved() {
        return ofLastPool.reserved();
    }
}
