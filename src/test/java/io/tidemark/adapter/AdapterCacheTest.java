package io.tidemark.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Adapter cache")
class AdapterCacheTest {

    private final AdapterCacheFixture fixture = new AdapterCacheFixture();

    @AfterEach
    void close() {
        fixture.close();
    }

    @Test
    @DisplayName("An adapter is loaded when it is leased, on a thread of its own")
    void loadsOnDemand() {
        AdapterStore store = fixture.memoryFor(4);
        assertThat(store.stats().resident()).isZero();
        assertThat(store.digest(store.registered("a").orElseThrow())).isEmpty();
        try (AdapterLease lease = store.awaitLease("a")) {
            assertThat(lease.adapter().digest()).isEqualTo(FolderLoader.digest(AdapterCacheFixture.folder()));
            assertThat(store.digest(store.registered("a").orElseThrow()))
                    .contains(lease.adapter().digest());
        }
        assertThat(fixture.loader().loads()).containsExactly("a");
        assertThat(fixture.loader().threads()).containsExactly("tidemark-adapter-load-0");
        assertThat(store.stats())
                .extracting(
                        AdapterStats::registered,
                        AdapterStats::resident,
                        AdapterStats::residentBytes,
                        AdapterStats::loads)
                .containsExactly(4, 1, fixture.adapterBytes(), 1L);
    }

    @Test
    @DisplayName("An adapter is loaded once for all leases that wait for it, and not again while it is in memory")
    void loadsOnce() {
        AdapterStore store = fixture.memoryFor(4);
        CountDownLatch gate = fixture.loader().hold();
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
        assertThat(fixture.loader().loads()).containsExactly("a");
        assertThat(store.stats())
                .extracting(AdapterStats::leases, AdapterStats::hits)
                .containsExactly(6L, 1L);
    }

    @Test
    @DisplayName("A lease of an adapter in memory completes at once while another adapter is loaded")
    void loadDoesNotDelayOtherLeases() {
        AdapterStore store = fixture.memoryFor(4);
        store.awaitLease("a").close();
        CountDownLatch gate = fixture.loader().hold();
        CompletableFuture<AdapterLease> cold = store.lease("b");
        assertThat(store.lease("a")).isDone();
        assertThat(cold).isNotDone();
        gate.countDown();
        assertThat(cold.join().adapter().id()).isEqualTo("b");
    }

    @Test
    @DisplayName("Four adapters load at a time, and the next one when one of them has ended")
    void fourLoads() {
        AdapterStore store = fixture.budget(Long.MAX_VALUE);
        List<String> ids = List.of("a", "b", "c", "d", "e");
        ids.forEach(id -> store.register(id, AdapterCacheFixture.folder()));
        CountDownLatch gate = fixture.loader().hold();
        List<CompletableFuture<AdapterLease>> leases =
                ids.stream().map(store::lease).toList();
        Awaitility.await().until(() -> fixture.loader().loads().size() == AdapterLoads.MAX_LOADS);
        assertThat(fixture.loader().loads()).doesNotContain("e");
        gate.countDown();
        assertThat(leases).allSatisfy(lease -> assertThat(lease).succeedsWithin(Duration.ofSeconds(10)));
    }

    @Test
    @DisplayName("A failed load fails all leases that wait, is remembered, and does not affect other adapters")
    void remembersFailures() {
        AdapterStore store = fixture.memoryFor(4);
        fixture.loader().breakLoadsOf("a");
        CompletableFuture<AdapterLease> first = store.lease("a");
        CompletableFuture<AdapterLease> second = store.lease("a");
        for (CompletableFuture<AdapterLease> waiting : List.of(first, second)) {
            assertThatThrownBy(waiting::join)
                    .hasCauseInstanceOf(InvalidAdapterException.class)
                    .hasMessageContaining("broken for this test");
        }
        assertThatThrownBy(() -> store.awaitLease("a")).isInstanceOf(InvalidAdapterException.class);
        assertThat(fixture.loader().loads()).containsExactly("a");
        assertThat(store.stats().failures()).isEqualTo(1);
        store.awaitLease("b").close();
    }

    @Test
    @DisplayName("An error that ends a load is passed to all leases that wait, because it must end the process")
    void passesErrorsOn() {
        AdapterStore store = fixture.memoryFor(4);
        fixture.loader().endWith(new OutOfMemoryError("planted"));
        for (CompletableFuture<AdapterLease> waiting : List.of(store.lease("a"), store.lease("a"))) {
            assertThatThrownBy(waiting::join).hasCauseInstanceOf(OutOfMemoryError.class);
        }
    }

    @Test
    @DisplayName("A cancelled future holds no lease")
    void cancelledFutureHoldsNoLease() {
        AdapterStore store = fixture.memoryFor(1);
        CountDownLatch gate = fixture.loader().hold();
        CompletableFuture<AdapterLease> cancelled = store.lease("a");
        cancelled.cancel(false);
        gate.countDown();
        store.awaitLease("b").close();
        assertThat(store.stats().residentBytes()).isEqualTo(fixture.adapterBytes());
    }

    @Test
    @DisplayName("Closing the store fails all leases that wait")
    void closes() {
        AdapterStore store = fixture.memoryFor(1);
        AdapterLease used = store.awaitLease("a");
        List<CompletableFuture<AdapterLease>> waiting = List.of(store.lease("b"), store.lease("c"));
        store.close();
        assertThat(waiting).allMatch(CompletableFuture::isCompletedExceptionally);
        assertThat(store.lease("d")).isCompletedExceptionally();
        used.close();
    }

    @Test
    @DisplayName("The least recently used adapter is evicted, and the memory stays within the budget")
    void leastRecentlyUsed() {
        AdapterStore store = fixture.memoryFor(2);
        store.awaitLease("a").close();
        store.awaitLease("b").close();
        store.awaitLease("a").close();
        store.awaitLease("c").close();
        assertThat(store.stats().residentBytes()).isEqualTo(2 * fixture.adapterBytes());
        assertThat(store.stats().evictions()).isEqualTo(1);
        assertThat(store.lease("a")).isDone();
        store.awaitLease("b").close();
        assertThat(fixture.loader().loads()).containsExactly("a", "b", "c", "b");
    }

    @Test
    @DisplayName("A leased adapter is not freed: another adapter is loaded when its last lease is closed")
    void usedStays() {
        AdapterStore store = fixture.memoryFor(1);
        AdapterLease first = store.awaitLease("a");
        AdapterLease second = store.awaitLease("a");
        CompletableFuture<AdapterLease> other = store.lease("b");
        first.close();
        first.close();
        assertThat(fixture.loader().loads()).containsExactly("a");
        assertThat(fixture.isAlive(second)).isTrue();
        assertThat(other).isNotDone();
        second.close();
        try (AdapterLease lease = other.join()) {
            assertThat(fixture.isAlive(lease)).isTrue();
            assertThat(fixture.isAlive(second)).isFalse();
            assertThat(store.stats().residentBytes()).isEqualTo(fixture.adapterBytes());
        }
    }

    @Test
    @DisplayName("An adapter is loaded although another one is always leased: later leases of that one wait")
    void noStarvation() {
        AdapterStore store = fixture.memoryFor(1);
        AdapterLease busy = store.awaitLease("a");
        CompletableFuture<AdapterLease> other = store.lease("b");
        // the loading thread evicts the leased adapter before it waits
        Awaitility.await().until(() -> store.stats().evictions() == 1);
        CompletableFuture<AdapterLease> late = store.lease("a");
        assertThat(late).isNotDone();
        busy.close();
        other.join().close();
        late.join().close();
        assertThat(fixture.loader().loads()).containsExactly("a", "b", "a");
    }

    @Test
    @DisplayName("An adapter larger than the budget is refused at registration, and the message names the setting")
    void tooLarge() {
        AdapterStore store = fixture.budget(1000);
        assertThatThrownBy(() -> store.register("a", AdapterCacheFixture.folder()))
                .isInstanceOf(InvalidAdapterException.class)
                .hasMessageContaining("tidemark.engine.adapter-bytes")
                .hasMessageContaining("1000");
        assertThat(store.ids()).isEmpty();
    }

    @Test
    @DisplayName("With many threads that lease at random the memory stays within the budget and each lease is usable")
    void manyThreads() {
        AdapterStore store = fixture.memoryFor(2);
        List<CompletableFuture<Void>> users = IntStream.range(0, 8)
                .mapToObj(user -> CompletableFuture.runAsync(
                        () -> {
                            for (int i = 0; i < 25; i++) {
                                String id = String.valueOf((char)
                                        ('a' + ThreadLocalRandom.current().nextInt(4)));
                                try (AdapterLease lease = store.awaitLease(id)) {
                                    assertThat(lease.adapter().id()).isEqualTo(id);
                                    assertThat(fixture.isAlive(lease)).isTrue();
                                    assertThat(store.stats().residentBytes())
                                            .isLessThanOrEqualTo(2 * fixture.adapterBytes());
                                }
                            }
                        },
                        command -> new Thread(command).start()))
                .toList();
        users.forEach(CompletableFuture::join);
        assertThat(store.stats().leases()).isEqualTo(200);
    }

    @Test
    @DisplayName("The refusal of a failed load expires, so that a repaired folder needs no restart")
    void refusalExpires() {
        RegisteredAdapter registration =
                new RegisteredAdapter("a", "a", Optional.empty(), AdapterLocation.in(Path.of("folder")), false);
        registration.refused(InvalidAdapterException.broken(Path.of("folder"), "is broken"), 1_000);
        assertThat(registration.refusedSince(1_000)).isPresent();
        assertThat(registration.refusedSince(1_001)).isEmpty();
    }
}
