package io.tidemark.decoder.kvcache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.tidemark.decoder.attention.AttentionCall.Chunk;
import io.tidemark.decoder.attention.AttentionPlan;
import io.tidemark.decoder.attention.AttentionTiling;
import io.tidemark.decoder.script.DecoderException;
import io.tidemark.fixture.FixtureModel;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

@DisplayName("KV blocks of two pools")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class KvBlocksTest {

    private static final int TILE = KvCache.TILE;
    private static final AttentionTiling TILING = new AttentionTiling(OptionalInt.empty(), 64, false);

    private FixtureModel fixture;
    private KvCache cache;
    private long tile;

    @BeforeAll
    void load() {
        fixture = FixtureModel.load("llama-gqa");
        cache = fixture.model().decoder().kvCache();
        tile = TILE * cache.bytesPerToken();
    }

    @AfterAll
    void close() {
        fixture.close();
    }

    /** Two pools of the same blocks, which take at most this many slots of each, and what they have reserved. */
    private final class Pair implements AutoCloseable {

        private final KvBudget budget;
        private final List<KvPool> pools;
        private final List<List<KvSlot>> used = List.of(new ArrayList<>(), new ArrayList<>());

        private Pair(long tiles, int slotsPerPool) {
            this(tiles, slotsPerPool, 0);
        }

        private Pair(long tiles, int slotsPerPool, long prefixBytes) {
            budget = new KvBudget(tiles * tile, 2);
            KvBlocks blocks = new KvBlocks(cache, budget, 2);
            pools = List.of(blocks.newPool(slotsPerPool, prefixBytes), blocks.newPool(slotsPerPool, prefixBytes));
        }

        private boolean reserve(int pool, int tokens, int sequences) {
            Optional<List<KvSlot>> slots = pools.get(pool).reserve(tokens, sequences);
            slots.ifPresent(used.get(pool)::addAll);
            return slots.isPresent();
        }

        private void release(int pool, int at) {
            pools.get(pool).release(used.get(pool).remove(at));
        }

        private void releaseAll(int pool) {
            used.get(pool).forEach(pools.get(pool)::release);
            used.get(pool).clear();
        }

        private List<Integer> indices(int pool) {
            return used.get(pool).stream().map(KvSlot::index).toList();
        }

        private List<KvSlot> slots() {
            return used.stream().flatMap(List::stream).toList();
        }

        private long takenTiles() {
            return (budget.bytes() - budget.free()) / tile;
        }

        private boolean freeUnused(int pool) {
            return pools.get(pool).freeUnused(Long.MAX_VALUE);
        }

        @Override
        public void close() {
            pools.forEach(KvPool::close);
            assertThat(budget.free()).isEqualTo(budget.bytes());
        }
    }

    @Test
    @DisplayName("The first pool fills its half from the end and the second from the beginning, also after releases")
    void touchInTheMiddle() {
        try (Pair pair = new Pair(1000, 4)) {
            pair.reserve(0, 64, 3);
            pair.reserve(1, 64, 2);
            assertThat(pair.indices(0)).containsExactly(3, 2, 1);
            assertThat(pair.indices(1)).containsExactly(4, 5);
            assertThat(pair.slots().stream().map(KvSlot::block).distinct()).hasSize(1);
            pair.release(0, 0);
            pair.release(1, 0);
            pair.reserve(0, 64, 2);
            pair.reserve(1, 64, 3);
            assertThat(pair.indices(0)).containsExactly(2, 1, 3, 0);
            assertThat(pair.indices(1)).containsExactly(5, 4, 6, 7);
            assertThat(pair.takenTiles()).as("one block of eight slots").isEqualTo(8);
        }
    }

    @Test
    @DisplayName(
            "Decoding rows of both pools share an attention call, and those of one pool have one for their own slots")
    void oneCall() {
        try (Pair pair = new Pair(1000, 4)) {
            pair.reserve(0, 64, 3);
            pair.reserve(1, 64, 2);
            assertThat(calls(pair.slots())).containsExactly("1..6");
            assertThat(calls(pair.used.get(0))).containsExactly("1..4");
            assertThat(calls(pair.used.get(1))).containsExactly("4..6");
        }
    }

    private static List<String> calls(List<KvSlot> slots) {
        List<Chunk> rows = IntStream.range(0, slots.size())
                .mapToObj(i -> new Chunk(slots.get(i), i, 50, 1))
                .toList();
        List<KvBlock> blocks = slots.stream().map(KvSlot::block).distinct().toList();
        return new AttentionPlan(TILING, rows, blocks, rows.size())
                .calls().stream()
                        .map(call -> call.chunks().stream()
                                .mapToInt(chunk -> chunk.slot().index())
                                .summaryStatistics())
                        .map(indices -> indices.getMin() + ".." + (indices.getMax() + 1))
                        .toList();
    }

    @Test
    @DisplayName("The other half of a block costs no budget, and a block is freed when both halves are given back")
    void countsHalves() {
        try (Pair pair = new Pair(64, 4)) {
            pair.reserve(0, 64, 1);
            assertThat(pair.takenTiles()).isEqualTo(8);
            pair.reserve(1, 64, 4);
            assertThat(pair.takenTiles()).isEqualTo(8);
            pair.releaseAll(0);
            assertThat(pair.freeUnused(0)).as("the second pool uses its half").isFalse();
            assertThat(pair.freeUnused(0)).isFalse();
            assertThat(pair.takenTiles()).isEqualTo(8);
            pair.slots().forEach(cache::clear);
            pair.reserve(0, 64, 4);
            assertThat(pair.takenTiles()).as("the half is taken again").isEqualTo(8);
            pair.releaseAll(0);
            pair.releaseAll(1);
            assertThat(pair.freeUnused(1)).as("the first pool has its half").isFalse();
            assertThat(pair.freeUnused(0)).isTrue();
            assertThat(pair.takenTiles()).isZero();
        }
    }

    @Test
    @DisplayName(
            "A block of two pools has at most twice the bytes of others; larger pairs of slots have their own blocks")
    void limitsTheSizeOfABlock() {
        try (Pair pair = new Pair(8 * 4, 100)) {
            pair.reserve(0, 64, 1);
            assertThat(pair.takenTiles()).isEqualTo(8);
            pair.reserve(0, 128, 1);
            assertThat(pair.takenTiles()).isEqualTo(8 + 8);
            pair.reserve(0, 192, 1);
            assertThat(pair.takenTiles()).isEqualTo(8 + 8 + 6);
            pair.reserve(1, 192, 1);
            assertThat(pair.takenTiles()).isEqualTo(8 + 8 + 6);
            pair.reserve(0, 384, 1);
            assertThat(pair.takenTiles()).isEqualTo(8 + 8 + 6 + 6);
        }
    }

    @Test
    @DisplayName("A pool can use the whole budget while the other one uses none, whatever both have reserved before")
    void canEverHoldIsExact() {
        for (int tiles : List.of(7, 16, 17, 33, 64)) {
            try (Pair pair = new Pair(tiles, 3)) {
                for (int tokens : List.of(1, 65, 129, 300, 512)) {
                    for (int sequences = 1; sequences <= 66; sequences++) {
                        for (int pool : List.of(0, 1)) {
                            pair.reserve(0, 64, 1 + sequences % 9);
                            pair.reserve(1, 64 + sequences % 2 * 64, 2);
                            pair.releaseAll(0);
                            pair.releaseAll(1);
                            // as for a request that another instance has refused
                            pair.freeUnused(1 - pool);
                            assertThat(pair.reserve(pool, tokens, sequences))
                                    .as("%d sequences of %d tokens in %d tiles", sequences, tokens, tiles)
                                    .isEqualTo(pair.pools.get(pool).canEverHold(tokens, sequences));
                            pair.releaseAll(pool);
                        }
                    }
                }
            }
        }
    }

    @Test
    @DisplayName("After a refusal a pool keeps no half of a block that it does not use")
    void refusalGivesBack() {
        try (Pair pair = new Pair(16, 1)) {
            pair.reserve(0, 64, 8);
            assertThat(pair.takenTiles()).as("eight blocks of two slots").isEqualTo(16);
            pair.releaseAll(0);
            assertThat(pair.reserve(1, 64, 5)).as("the other halves").isTrue();
            assertThat(pair.reserve(0, 64, 13)).isFalse();
            assertThat(pair.takenTiles())
                    .as("the five blocks of the second pool")
                    .isEqualTo(10);
            pair.releaseAll(1);
            assertThat(pair.freeUnused(1)).isTrue();
            assertThat(pair.reserve(0, 64, 16)).isTrue();
        }
    }

    @Test
    @DisplayName("An allocation that fails takes no budget, and the slots that were taken before it are free")
    void failedAllocation() {
        KvBudget budget = new KvBudget(Long.MAX_VALUE, 2);
        KvBlocks blocks = new KvBlocks(cache, budget, 2);
        try (KvPool small = blocks.newPool(1, 0);
                // more than the address space
                KvPool pool = blocks.newPool((1 << 30) - 8, 0)) {
            small.reserve(512).orElseThrow();
            long reserved = budget.reserved();
            assertThatExceptionOfType(DecoderException.class).isThrownBy(() -> pool.reserve(512, 2));
            assertThat(budget.reserved()).isEqualTo(reserved);
            assertThat(pool.reserve(512, 1))
                    .as("the other half of the small block")
                    .isPresent();
        }
        assertThat(budget.reserved()).isZero();
    }

    @Test
    @DisplayName("A closed pool leaves the other one its slots")
    void closesOne() {
        try (Pair pair = new Pair(64, 4)) {
            pair.reserve(0, 64, 2);
            pair.reserve(1, 64, 2);
            KvSlot ofClosed = pair.used.get(0).get(0);
            pair.pools.get(0).close();
            assertThat(pair.takenTiles()).isEqualTo(8);
            pair.used.get(1).forEach(cache::clear);
            pair.reserve(1, 64, 4);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> pair.pools.get(0).release(ofClosed));
            pair.pools.get(1).close();
            assertThat(pair.takenTiles()).isZero();
        }
    }

    @Test
    @DisplayName("Blocks have one or two pools")
    void countsPools() {
        KvBudget budget = new KvBudget(tile, 1);
        assertThatIllegalArgumentException().isThrownBy(() -> new KvBlocks(cache, budget, 3));
        KvBlocks blocks = new KvBlocks(cache, budget, 1);
        blocks.newPool(1, 0).close();
        assertThatIllegalStateException().isThrownBy(() -> blocks.newPool(1, 0));
    }

    @Test
    @DisplayName("Random reservations never share a slot, stay in the budget, use open tensors, and leave nothing")
    void random() {
        for (int seed = 0; seed < 60; seed++) {
            Random random = new Random(seed);
            try (Pair pair = new Pair(8 + random.nextInt(120), 1 + random.nextInt(6))) {
                for (int i = 0; i < 120; i++) {
                    int pool = random.nextInt(2);
                    int count = pair.used.get(pool).size();
                    if (random.nextInt(10) == 0) {
                        pair.freeUnused(pool);
                    } else if (random.nextInt(10) == 0) {
                        pair.releaseAll(pool);
                    } else if (count > 0 && random.nextBoolean()) {
                        pair.release(pool, random.nextInt(count));
                    } else {
                        pair.reserve(pool, 64 << random.nextInt(3), 1 + random.nextInt(4));
                    }
                    check(pair, "seed " + seed + ", step " + i);
                }
                pair.releaseAll(0);
                pair.releaseAll(1);
                pair.freeUnused(0);
                pair.freeUnused(1);
                assertThat(pair.takenTiles()).as("seed " + seed).isZero();
            }
        }
    }

    private void check(Pair pair, String when) {
        List<KvSlot> slots = pair.slots();
        assertThat(slots.stream().map(KvBlocksTest::place)).as(when).doesNotHaveDuplicates();
        assertThat(pair.budget.free()).as(when).isNotNegative();
        long tiles = slots.stream()
                .map(KvSlot::block)
                .distinct()
                .mapToLong(block -> block.slots() * block.capacity() / TILE)
                .sum();
        assertThat(pair.takenTiles()).as(when).isGreaterThanOrEqualTo(tiles);
        if (when.endsWith("0")) {
            pair.freeUnused(0);
            pair.freeUnused(1);
            assertThat(pair.takenTiles()).as("blocks with sequences, " + when).isEqualTo(tiles);
        }
        slots.forEach(cache::clear);
        for (KvSlot first : pair.used.get(0)) {
            assertThat(pair.used.get(1).stream().filter(slot -> slot.block() == first.block()))
                    .as(when)
                    .allMatch(second -> second.index() > first.index());
        }
    }

    private static List<Object> place(KvSlot slot) {
        return List.of(slot.block(), slot.index());
    }

    @Test
    @DisplayName("Two threads reserve, use and release slots of the same blocks, and the budget is free at the end")
    void twoThreads() throws Exception {
        for (int round = 0; round < 20; round++) {
            try (Pair pair = new Pair(40, 2, 4 * tile)) {
                CyclicBarrier start = new CyclicBarrier(2);
                int seed = round;
                CompletableFuture.allOf(Stream.of(0, 1)
                                .map(pool -> CompletableFuture.runAsync(() -> {
                                    await(start);
                                    useAtRandom(pair, pool, new Random(2 * seed + pool));
                                }))
                                .toArray(CompletableFuture[]::new))
                        .get(60, TimeUnit.SECONDS);
                assertThat(pair.takenTiles()).isZero();
            }
        }
    }

    private void useAtRandom(Pair pair, int pool, Random random) {
        for (int i = 0; i < 300; i++) {
            pair.reserve(pool, 64 << random.nextInt(2), 1 + random.nextInt(3));
            pair.used.get(pool).forEach(cache::clear);
            if (random.nextBoolean()) {
                pair.releaseAll(pool);
            }
            if (random.nextInt(3) == 0) {
                pair.freeUnused(pool);
            }
        }
        pair.releaseAll(pool);
        pair.freeUnused(pool);
    }

    private static void await(CyclicBarrier barrier) {
        try {
            barrier.await(60, TimeUnit.SECONDS);
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }
}
