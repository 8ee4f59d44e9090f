package io.tidemark.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("the adapters' memory")
class AdapterMemoryTest {

    private final AdapterMemoryFixture memory = new AdapterMemoryFixture();

    @AfterEach
    void close() {
        memory.close();
    }

    @Test
    @DisplayName("takes what is asked for and nothing else, on a thread of its own")
    void loadsOnDemand() {
        AdapterStore store = memory.roomFor(4);
        assertThat(store.stats().resident()).isZero();
        assertThat(store.digest("a")).isEmpty();
        try (AdapterLease lease = store.awaitLease("a")) {
            assertThat(lease.adapter().digest()).isEqualTo(AdapterDigest.of(AdapterMemoryFixture.folder()));
            assertThat(store.digest("a")).contains(lease.adapter().digest());
        }
        assertThat(memory.loader().loads()).containsExactly("a");
        assertThat(memory.loader().threads()).containsExactly("tidemark-adapters");
        assertThat(store.stats())
                .extracting(
                        AdapterStats::registered,
                        AdapterStats::resident,
                        AdapterStats::residentBytes,
                        AdapterStats::loads)
                .containsExactly(4, 1, memory.adapterBytes(), 1L);
    }

    @Test
    @DisplayName("loads an adapter once for all who wait for it, and not again while it is there")
    void loadsOnce() {
        AdapterStore store = memory.roomFor(4);
        CountDownLatch gate = memory.loader().hold();
        List<CompletableFuture<AdapterLease>> waiting =
                IntStream.range(0, 5).mapToObj(i -> store.lease("a")).toList();
        assertThat(waiting).noneMatch(CompletableFuture::isDone);
        gate.countDown();
        List<AdapterLease> leases =
                waiting.stream().map(CompletableFuture::join).toList();
        assertThat(leases)
                .extracting(AdapterLease::adapter)
                .containsOnly(leases.get(0).adapter());
        assertThat(store.lease("a"))
                .isCompletedWithValueMatching(
                        lease -> lease.adapter() == leases.get(0).adapter());
        assertThat(memory.loader().loads()).containsExactly("a");
        assertThat(store.stats())
                .extracting(AdapterStats::leases, AdapterStats::hits)
                .containsExactly(6L, 1L);
    }

    @Test
    @DisplayName("gives what is there at once while another adapter is being loaded")
    void coldDoesNotStallWarm() {
        AdapterStore store = memory.roomFor(4);
        store.awaitLease("a").close();
        CountDownLatch gate = memory.loader().hold();
        CompletableFuture<AdapterLease> cold = store.lease("b");
        assertThat(store.lease("a")).isDone();
        assertThat(cold).isNotDone();
        gate.countDown();
        assertThat(cold.join().adapter().id()).isEqualTo("b");
    }

    @Test
    @DisplayName("tells all who wait why a load failed, remembers it, and serves other adapters meanwhile")
    void remembersFailures() {
        AdapterStore store = memory.roomFor(4);
        memory.loader().breakLoadsOf("a");
        CompletableFuture<AdapterLease> first = store.lease("a");
        CompletableFuture<AdapterLease> second = store.lease("a");
        for (CompletableFuture<AdapterLease> waiting : List.of(first, second)) {
            assertThatThrownBy(waiting::join)
                    .hasCauseInstanceOf(AdapterRefused.class)
                    .hasMessageContaining("broken for this test");
        }
        assertThatThrownBy(() -> store.awaitLease("a")).isInstanceOf(AdapterRefused.class);
        assertThat(memory.loader().loads()).containsExactly("a");
        assertThat(store.stats().failures()).isEqualTo(1);
        store.awaitLease("b").close();
    }

    @Test
    @DisplayName("keeps no lease for one who gave up waiting")
    void givenUp() {
        AdapterStore store = memory.roomFor(1);
        CountDownLatch gate = memory.loader().hold();
        CompletableFuture<AdapterLease> impatient = store.lease("a");
        impatient.cancel(false);
        gate.countDown();
        store.awaitLease("b").close();
        assertThat(store.stats().residentBytes()).isEqualTo(memory.adapterBytes());
    }

    @Test
    @DisplayName("ends the waiting of all when it is closed")
    void closes() {
        AdapterStore store = memory.roomFor(1);
        AdapterLease used = store.awaitLease("a");
        List<CompletableFuture<AdapterLease>> waiting = List.of(store.lease("b"), store.lease("c"));
        store.close();
        assertThat(waiting).allMatch(CompletableFuture::isCompletedExceptionally);
        assertThat(store.lease("d")).isCompletedExceptionally();
        used.close();
    }
}
