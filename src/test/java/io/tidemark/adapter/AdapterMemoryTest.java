package io.tidemark.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import io.tidemark.model.KvPool;
import io.tidemark.model.StepRow;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

@DisplayName("the adapters' memory")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class AdapterMemoryTest {

    private static final String FAMILY = "llama-gqa";

    private FixtureModel fixture;
    private long adapterBytes;
    private GatedLoader loader;
    private AdapterStore store;

    @BeforeAll
    void load() {
        fixture = FixtureModel.load(FAMILY);
        adapterBytes = fixture.adapter("qv").bytes();
    }

    @AfterAll
    void close() {
        fixture.close();
    }

    @AfterEach
    void closeStore() {
        store.close();
    }

    /** A store with room for so many adapters, in which a, b, c and d are registered. */
    private void roomFor(int adapters) {
        loader = new GatedLoader(new FolderLoader(fixture.model()));
        store = new AdapterStore(FAMILY, loader, adapters * adapterBytes);
        List.of("a", "b", "c", "d").forEach(id -> store.register(id, Folders.adapter(FAMILY, "qv")));
    }

    /** Runs a step with it; weights that were freed cannot. */
    private boolean isAlive(AdapterLease lease) {
        try (KvPool pool = new KvPool(fixture.model().decoder(), 1 << 20)) {
            fixture.model().decoder().logits(List.of(new StepRow(pool.reserve(8).orElseThrow(), List.of(5), 0,
                    Optional.of(lease.adapter().weights()), 1, Optional.empty())));
            return true;
        } catch (IllegalStateException e) {
            return false;
        }
    }

    @Test
    @DisplayName("takes what is asked for and nothing else, on a thread of its own")
    void loadsOnDemand() {
        roomFor(4);
        assertThat(store.figures().resident()).isZero();
        assertThat(store.digest("a")).isEmpty();
        try (AdapterLease lease = store.waitFor("a")) {
            assertThat(lease.adapter().digest()).isEqualTo(AdapterDigest.of(Folders.adapter(FAMILY, "qv")));
            assertThat(store.digest("a")).contains(lease.adapter().digest());
        }
        assertThat(loader.loads()).containsExactly("a");
        assertThat(loader.threads()).containsExactly("tidemark-adapters");
        assertThat(store.figures()).extracting(AdapterFigures::registered, AdapterFigures::resident,
                AdapterFigures::residentBytes, AdapterFigures::loads).containsExactly(4, 1, adapterBytes, 1L);
    }

    @Test
    @DisplayName("loads an adapter once for all who wait for it, and not again while it is there")
    void loadsOnce() {
        roomFor(4);
        CountDownLatch gate = loader.hold();
        List<CompletableFuture<AdapterLease>> waiting = IntStream.range(0, 5).mapToObj(i -> store.lease("a")).toList();
        assertThat(waiting).noneMatch(CompletableFuture::isDone);
        gate.countDown();
        List<AdapterLease> leases = waiting.stream().map(CompletableFuture::join).toList();
        assertThat(leases).extracting(AdapterLease::adapter).containsOnly(leases.get(0).adapter());
        assertThat(store.lease("a")).isCompletedWithValueMatching(lease -> lease.adapter() == leases.get(0).adapter());
        assertThat(loader.loads()).containsExactly("a");
        assertThat(store.figures()).extracting(AdapterFigures::leases, AdapterFigures::hits).containsExactly(6L, 1L);
    }

    @Test
    @DisplayName("gives what is there at once while another adapter is being loaded")
    void coldDoesNotStallWarm() {
        roomFor(4);
        store.waitFor("a").close();
        CountDownLatch gate = loader.hold();
        CompletableFuture<AdapterLease> cold = store.lease("b");
        assertThat(store.lease("a")).isDone();
        assertThat(cold).isNotDone();
        gate.countDown();
        assertThat(cold.join().adapter().id()).isEqualTo("b");
    }

    @Test
    @DisplayName("makes room by the adapter that was asked for longest ago, and never takes more than the budget")
    void leastRecentlyUsed() {
        roomFor(2);
        store.waitFor("a").close();
        store.waitFor("b").close();
        store.waitFor("a").close();
        store.waitFor("c").close();
        assertThat(store.figures().residentBytes()).isEqualTo(2 * adapterBytes);
        assertThat(store.figures().evictions()).isEqualTo(1);
        assertThat(store.lease("a")).isDone();
        store.waitFor("b").close();
        assertThat(loader.loads()).containsExactly("a", "b", "c", "b");
    }

    @Test
    @DisplayName("never frees an adapter that is used: a newcomer waits until its last user is done, and then comes in")
    void usedStays() {
        roomFor(1);
        AdapterLease first = store.waitFor("a");
        AdapterLease second = store.waitFor("a");
        CompletableFuture<AdapterLease> newcomer = store.lease("b");
        first.close();
        first.close();
        assertThat(loader.loads()).containsExactly("a");
        assertThat(isAlive(second)).isTrue();
        assertThat(newcomer).isNotDone();
        second.close();
        try (AdapterLease lease = newcomer.join()) {
            assertThat(isAlive(lease)).isTrue();
            assertThat(isAlive(second)).isFalse();
            assertThat(store.figures().residentBytes()).isEqualTo(adapterBytes);
        }
    }

    @Test
    @DisplayName("lets a newcomer in although another adapter is never idle: who asks for that one later queues behind it")
    void noStarvation() {
        roomFor(1);
        AdapterLease busy = store.waitFor("a");
        CompletableFuture<AdapterLease> newcomer = store.lease("b");
        // the loader's thread sends the busy one away before it waits
        Awaitility.await().until(() -> store.figures().evictions() == 1);
        CompletableFuture<AdapterLease> late = store.lease("a");
        assertThat(late).isNotDone();
        busy.close();
        newcomer.join().close();
        late.join().close();
        assertThat(loader.loads()).containsExactly("a", "b", "a");
    }

    @Test
    @DisplayName("tells all who wait why a load failed, remembers it, and serves other adapters meanwhile")
    void remembersFailures() {
        roomFor(4);
        loader.breakLoadsOf("a");
        CompletableFuture<AdapterLease> first = store.lease("a");
        CompletableFuture<AdapterLease> second = store.lease("a");
        for (CompletableFuture<AdapterLease> waiting : List.of(first, second)) {
            assertThatThrownBy(waiting::join).hasCauseInstanceOf(AdapterRefused.class).hasMessageContaining("broken for this test");
        }
        assertThatThrownBy(() -> store.waitFor("a")).isInstanceOf(AdapterRefused.class);
        assertThat(loader.loads()).containsExactly("a");
        assertThat(store.figures().failures()).isEqualTo(1);
        store.waitFor("b").close();
    }

    @Test
    @DisplayName("forgets why a load failed after half a minute, so that a mended folder needs no restart")
    void forgetsFailures() {
        Registration adapter = new Registration("a", Path.of("folder"), 1);
        adapter.refused(AdapterRefused.broken(Path.of("folder"), "is broken"), 1_000);
        assertThat(adapter.refusedSince(1_000)).isPresent();
        assertThat(adapter.refusedSince(1_001)).isEmpty();
    }

    @Test
    @DisplayName("refuses at registration what the budget could never hold, and names the setting")
    void tooLarge() {
        loader = new GatedLoader(new FolderLoader(fixture.model()));
        store = new AdapterStore(FAMILY, loader, 1000);
        assertThatThrownBy(() -> store.register("a", Folders.adapter(FAMILY, "qv"))).isInstanceOf(AdapterRefused.class)
                .hasMessageContaining("tidemark.engine.adapter-bytes").hasMessageContaining("1000");
        assertThat(store.ids()).isEmpty();
    }

    @Test
    @DisplayName("keeps no lease for one who gave up waiting")
    void givenUp() {
        roomFor(1);
        CountDownLatch gate = loader.hold();
        CompletableFuture<AdapterLease> impatient = store.lease("a");
        impatient.cancel(false);
        gate.countDown();
        store.waitFor("b").close();
        assertThat(store.figures().residentBytes()).isEqualTo(adapterBytes);
    }

    @Test
    @DisplayName("ends the waiting of all when it is closed")
    void closes() {
        roomFor(1);
        AdapterLease used = store.waitFor("a");
        List<CompletableFuture<AdapterLease>> waiting = List.of(store.lease("b"), store.lease("c"));
        store.close();
        assertThat(waiting).allMatch(CompletableFuture::isCompletedExceptionally);
        assertThat(store.lease("d")).isCompletedExceptionally();
        used.close();
    }

    @Test
    @DisplayName("stands many threads that ask and leave at random, within its budget and with every lease usable")
    void manyThreads() {
        roomFor(2);
        List<CompletableFuture<Void>> users = IntStream.range(0, 8).mapToObj(user -> CompletableFuture.runAsync(() -> {
            for (int i = 0; i < 25; i++) {
                String id = String.valueOf((char) ('a' + ThreadLocalRandom.current().nextInt(4)));
                try (AdapterLease lease = store.waitFor(id)) {
                    assertThat(lease.adapter().id()).isEqualTo(id);
                    assertThat(isAlive(lease)).isTrue();
                    assertThat(store.figures().residentBytes()).isLessThanOrEqualTo(2 * adapterBytes);
                }
            }
        }, command -> new Thread(command).start())).toList();
        users.forEach(CompletableFuture::join);
        assertThat(store.figures().leases()).isEqualTo(200);
    }
}
