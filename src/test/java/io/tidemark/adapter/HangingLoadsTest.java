package io.tidemark.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A load of an adapter that hangs")
class HangingLoadsTest {

    private final AdapterCacheFixture fixture = new AdapterCacheFixture();
    private CountDownLatch gate = new CountDownLatch(0);

    @AfterEach
    void close() {
        gate.countDown();
        fixture.close();
    }

    @Test
    @DisplayName("Does not delay the load of another adapter, also before its limit")
    void otherAdapterLoads() {
        AdapterStore store = fixture.memoryFor(8);
        gate = fixture.loader().hang("a");
        CompletableFuture<AdapterLease> hanging = store.lease("a");
        awaitLoads("a");
        assertThat(store.lease("b")).succeedsWithin(Duration.ofSeconds(10));
        assertThat(hanging).isNotDone();
    }

    @Test
    @DisplayName("Fails whoever waits for it at its limit, is not repeated while it hangs, and counts when it ends")
    void fails() {
        AdapterStore store = fixture.memoryFor(8);
        gate = fixture.loader().hang("a");
        CompletableFuture<AdapterLease> first = store.lease("a");
        CompletableFuture<AdapterLease> second = store.lease("a");
        awaitLoads("a");
        ticks(store, AdapterCacheFixture.LOAD_LIMIT.toSeconds());
        assertThat(first).isNotDone();
        ticks(store, 1);
        for (CompletableFuture<AdapterLease> waiting : List.of(first, second, store.lease("a"))) {
            assertThatThrownBy(waiting::join).hasCauseInstanceOf(AdapterLoadTimeoutException.class);
        }
        assertThat(fixture.loader().loads()).containsExactly("a");
        assertThat(store.stats().hangingLoads()).isEqualTo(1);

        gate.countDown();
        Awaitility.await().until(() -> store.stats().resident() == 1);
        assertThat(store.stats().hangingLoads()).isZero();
        assertThat(store.lease("a")).isDone();
        assertThat(fixture.loader().loads()).containsExactly("a");
    }

    @Test
    @DisplayName("Keeps no memory from others: with memory for one adapter, another one loads after the limit")
    void memory() {
        AdapterStore store = fixture.memoryFor(1);
        gate = fixture.loader().hang("a");
        store.lease("a");
        awaitLoads("a");
        CompletableFuture<AdapterLease> other = store.lease("b");
        ticks(store, AdapterCacheFixture.LOAD_LIMIT.toSeconds() + 1);
        assertThat(other).succeedsWithin(Duration.ofSeconds(10));
    }

    @Test
    @DisplayName("Is replaced by another thread up to a bound; beyond it leases fail at once until a load ends")
    void bound() {
        List<String> ids = new ArrayList<>();
        AdapterStore store = fixture.budget(Long.MAX_VALUE);
        for (int i = 0; i <= AdapterLoads.MAX_THREADS; i++) {
            ids.add("h" + i);
            store.register("h" + i, AdapterCacheFixture.folder());
        }
        gate = fixture.loader().hang(ids.toArray(String[]::new));
        List<CompletableFuture<AdapterLease>> leases =
                ids.stream().map(store::lease).toList();
        for (int started = AdapterLoads.MAX_LOADS;
                started <= AdapterLoads.MAX_THREADS;
                started += AdapterLoads.MAX_LOADS) {
            int expected = started;
            Awaitility.await().until(() -> fixture.loader().loads().size() == expected);
            ticks(store, AdapterCacheFixture.LOAD_LIMIT.toSeconds() + 1);
        }
        assertThat(store.stats().hangingLoads()).isEqualTo(AdapterLoads.MAX_THREADS);
        // the last one has waited for a thread
        Awaitility.await().until(() -> leases.stream().allMatch(CompletableFuture::isCompletedExceptionally));
        assertThat(store.lease(ids.get(AdapterLoads.MAX_THREADS))).isCompletedExceptionally();
        assertThat(fixture.loader().loads()).hasSize(AdapterLoads.MAX_THREADS);

        gate.countDown();
        Awaitility.await().until(() -> store.stats().hangingLoads() == 0);
        assertThat(store.lease(ids.get(AdapterLoads.MAX_THREADS))).succeedsWithin(Duration.ofSeconds(10));
    }

    @Test
    @DisplayName("Does not delay the end of the process")
    void closing() {
        AdapterStore store = fixture.memoryFor(8);
        gate = fixture.loader().hang("a");
        store.lease("a");
        awaitLoads("a");
        ticks(store, AdapterCacheFixture.LOAD_LIMIT.toSeconds() + 1);
        store.close();
        assertThat(store.stats().hangingLoads()).isEqualTo(1);
    }

    private void awaitLoads(String... ids) {
        Awaitility.await().until(() -> fixture.loader().loads().containsAll(List.of(ids)));
    }

    private static void ticks(AdapterStore store, long count) {
        for (long i = 0; i < count; i++) {
            store.tick();
        }
    }
}
