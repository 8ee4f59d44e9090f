package io.tidemark.adapter;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.fixture.Folders;
import io.tidemark.tenant.TenantWeights;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The memory of adapters among tenants")
class AdapterSharesTest {

    private final AdapterCacheFixture fixture = new AdapterCacheFixture();

    @AfterEach
    void close() {
        fixture.close();
    }

    @Test
    @DisplayName("A load that fits passes one that waits for memory")
    void passes() {
        AdapterStore store = fixture.memoryFor(3);
        store.register("large", Folders.adapter(AdapterCacheFixture.FAMILY, "some-layers"));
        AdapterLease first = store.awaitLease("a");
        AdapterLease second = store.awaitLease("b");
        CompletableFuture<AdapterLease> large = store.lease("large");
        assertThat(store.lease("c")).succeedsWithin(Duration.ofSeconds(10)).satisfies(AdapterLease::close);
        assertThat(large).isNotDone();
        first.close();
        second.close();
        assertThat(large).succeedsWithin(Duration.ofSeconds(10));
        assertThat(fixture.loader().loads()).containsExactly("a", "b", "c", "large");
    }

    @Test
    @DisplayName("A tenant with leases for all memory gets its next adapter after another tenant's first one")
    void wholeBudget() {
        AdapterStore store = fixture.memoryFor(2);
        AdapterLease first = store.lease("a", "flood").join();
        AdapterLease second = store.lease("b", "flood").join();
        CompletableFuture<AdapterLease> next = store.lease("c", "flood");
        // it is its turn
        Awaitility.await().until(() -> store.stats().evictions() == 1);
        CompletableFuture<AdapterLease> other = store.lease("d", "other");
        first.close();
        assertThat(other).succeedsWithin(Duration.ofSeconds(10));
        assertThat(next).isNotDone();
        second.close();
        assertThat(next).succeedsWithin(Duration.ofSeconds(10));
        assertThat(fixture.loader().loads()).containsExactly("a", "b", "d", "c");
    }

    @Test
    @DisplayName("A cancelled lease loads no adapter, and nobody waits for it")
    void cancelled() {
        AdapterStore store = fixture.memoryFor(1);
        AdapterLease held = store.lease("a", "flood").join();
        CompletableFuture<AdapterLease> cold = store.lease("b", "other");
        CompletableFuture<AdapterLease> again = store.lease("c", "flood");
        cold.cancel(false);
        assertThat(again).isNotDone();
        held.close();
        assertThat(again).succeedsWithin(Duration.ofSeconds(10));
        assertThat(fixture.loader().loads()).containsExactly("a", "c");
    }

    @Test
    @DisplayName("A lease above the share, of an adapter in memory, waits while another tenant waits for a load")
    void cached() {
        AdapterStore store = fixture.memoryFor(3);
        AdapterLease first = store.lease("a", "flood").join();
        store.lease("b", "flood").join();
        store.lease("c", "other").join();
        assertThat(store.lease("c", "flood")).as("nobody waits").isCompletedWithValueMatching(lease -> {
            lease.close();
            return true;
        });
        CompletableFuture<AdapterLease> cold = store.lease("d", "third");
        CompletableFuture<AdapterLease> above = store.lease("c", "flood");
        assertThat(above).isNotDone();
        assertThat(store.lease("b", "flood")).as("held already").isDone();
        assertThat(store.lease("c", "fourth")).as("the first adapter").isDone();
        // the oldest one is evicted for the load
        Awaitility.await().until(() -> store.stats().evictions() == 1);
        first.close();
        assertThat(cold).succeedsWithin(Duration.ofSeconds(10));
        assertThat(above).succeedsWithin(Duration.ofSeconds(10));
        assertThat(fixture.loader().loads()).containsExactly("a", "b", "c", "d");
    }

    @Test
    @DisplayName("A lease above the share, of an adapter that loads, waits longer than that load")
    void loading() {
        AdapterStore store = fixture.memoryFor(2);
        AdapterLease first = store.lease("a", "flood").join();
        CountDownLatch gate = fixture.loader().hold();
        CompletableFuture<AdapterLease> loading = store.lease("b", "other");
        Awaitility.await().until(() -> fixture.loader().loads().contains("b"));
        CompletableFuture<AdapterLease> cold = store.lease("c", "third");
        // for the load, which is not the one that runs
        Awaitility.await().until(() -> store.stats().evictions() == 1);
        CompletableFuture<AdapterLease> above = store.lease("b", "flood");
        gate.countDown();
        assertThat(loading).succeedsWithin(Duration.ofSeconds(10));
        assertThat(List.of(cold, above)).noneMatch(CompletableFuture::isDone);
        first.close();
        assertThat(cold).succeedsWithin(Duration.ofSeconds(10));
        assertThat(above).succeedsWithin(Duration.ofSeconds(10));
    }

    @Test
    @DisplayName("A load is charged to its tenant before it ends")
    void chargedLoad() {
        AdapterStore store = fixture.memoryFor(3);
        AdapterLease first = store.lease("a", "other").join();
        store.lease("b", "other").join();
        CountDownLatch gate = fixture.loader().hold();
        store.lease("c", "flood");
        Awaitility.await().until(() -> fixture.loader().loads().contains("c"));
        CompletableFuture<AdapterLease> cold = store.lease("d", "third");
        Awaitility.await().until(() -> store.stats().evictions() == 1);
        CompletableFuture<AdapterLease> above = store.lease("b", "flood");
        assertThat(above).isNotDone();
        gate.countDown();
        first.close();
        assertThat(cold).succeedsWithin(Duration.ofSeconds(10));
        assertThat(above).succeedsWithin(Duration.ofSeconds(10));
    }

    @Test
    @DisplayName(
            "A lease that waits for its share fails if the load of its adapter fails, and when the store is closed")
    void fails() {
        AdapterStore store = fixture.memoryFor(3);
        List.of("a", "b").forEach(id -> store.lease(id, "flood").join());
        fixture.loader().breakLoadsOf("c");
        CountDownLatch gate = fixture.loader().hold();
        CompletableFuture<AdapterLease> loading = store.lease("c", "other");
        Awaitility.await().until(() -> fixture.loader().loads().contains("c"));
        CompletableFuture<AdapterLease> cold = store.lease("d", "third");
        CompletableFuture<AdapterLease> joining = store.lease("c", "flood");
        gate.countDown();
        for (CompletableFuture<AdapterLease> failed : List.of(loading, joining)) {
            assertThat(failed)
                    .failsWithin(Duration.ofSeconds(10))
                    .withThrowableThat()
                    .withMessageContaining("broken for this test");
        }
        assertThat(cold).succeedsWithin(Duration.ofSeconds(10));
        store.lease("d", "fourth").join();
        store.register("e", AdapterCacheFixture.folder());
        CompletableFuture<AdapterLease> waiting = store.lease("e", "fifth");
        CompletableFuture<AdapterLease> above = store.lease("d", "flood");
        assertThat(above).isNotDone();
        store.close();
        assertThat(List.of(waiting, above)).allMatch(CompletableFuture::isCompletedExceptionally);
    }

    @Test
    @DisplayName("With random leases of many tenants the memory stays within the budget, and each lease is granted")
    void random() {
        List<String> ids = new ArrayList<>();
        TenantWeights weights = new TenantWeights(
                List.of(
                        List.of(new TenantWeights.WeightedTopic(1, Map.of("t0", 1))),
                        List.of(
                                new TenantWeights.WeightedTopic(3, Map.of("t1", 1, "t2", 2)),
                                new TenantWeights.WeightedTopic(1, Map.of("t3", 1)))),
                0.1);
        long budget = 4 * fixture.adapterBytes();
        AdapterStore store = fixture.budget(budget, weights);
        for (int i = 0; i < 12; i++) {
            ids.add("adapter" + i);
            store.register("adapter" + i, AdapterCacheFixture.folder());
        }
        // known sizes, so that no estimate is too low
        ids.forEach(id -> store.awaitLease(id).close());
        SplittableRandom random = new SplittableRandom(51);
        Queue<AdapterLease> open = new ConcurrentLinkedQueue<>();
        List<CompletableFuture<Void>> leases = new ArrayList<>();
        for (int i = 0; i < 400; i++) {
            // the first tenant wants most
            String tenant = "t" + Math.max(0, random.nextInt(9) - 4);
            leases.add(store.lease(ids.get(random.nextInt(ids.size())), tenant).thenAccept(open::add));
            if (random.nextInt(3) > 0 && !open.isEmpty()) {
                open.remove().close();
            }
            assertThat(store.stats().residentBytes()).isLessThanOrEqualTo(budget);
        }
        Awaitility.await().until(() -> {
            for (AdapterLease next = open.poll(); next != null; next = open.poll()) {
                next.close();
            }
            assertThat(store.stats().residentBytes()).isLessThanOrEqualTo(budget);
            return leases.stream().allMatch(CompletableFuture::isDone);
        });
        assertThat(leases).noneMatch(CompletableFuture::isCompletedExceptionally);
    }
}
