package io.tidemark.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("the room in the adapters' memory")
class AdapterRoomTest {

    private final AdapterMemoryFixture memory = new AdapterMemoryFixture();

    @AfterEach
    void close() {
        memory.close();
    }

    @Test
    @DisplayName("makes room by the adapter that was asked for longest ago, and never takes more than the budget")
    void leastRecentlyUsed() {
        AdapterStore store = memory.roomFor(2);
        store.awaitLease("a").close();
        store.awaitLease("b").close();
        store.awaitLease("a").close();
        store.awaitLease("c").close();
        assertThat(store.stats().residentBytes()).isEqualTo(2 * memory.adapterBytes());
        assertThat(store.stats().evictions()).isEqualTo(1);
        assertThat(store.lease("a")).isDone();
        store.awaitLease("b").close();
        assertThat(memory.loader().loads()).containsExactly("a", "b", "c", "b");
    }

    @Test
    @DisplayName("never frees an adapter that is used: a newcomer waits until its last user is done, and then comes in")
    void usedStays() {
        AdapterStore store = memory.roomFor(1);
        AdapterLease first = store.awaitLease("a");
        AdapterLease second = store.awaitLease("a");
        CompletableFuture<AdapterLease> newcomer = store.lease("b");
        first.close();
        first.close();
        assertThat(memory.loader().loads()).containsExactly("a");
        assertThat(memory.isAlive(second)).isTrue();
        assertThat(newcomer).isNotDone();
        second.close();
        try (AdapterLease lease = newcomer.join()) {
            assertThat(memory.isAlive(lease)).isTrue();
            assertThat(memory.isAlive(second)).isFalse();
            assertThat(store.stats().residentBytes()).isEqualTo(memory.adapterBytes());
        }
    }

    @Test
    @DisplayName(
            "lets a newcomer in although another adapter is never idle: who asks for that one later queues behind it")
    void noStarvation() {
        AdapterStore store = memory.roomFor(1);
        AdapterLease busy = store.awaitLease("a");
        CompletableFuture<AdapterLease> newcomer = store.lease("b");
        // the loader's thread sends the busy one away before it waits
        Awaitility.await().until(() -> store.stats().evictions() == 1);
        CompletableFuture<AdapterLease> late = store.lease("a");
        assertThat(late).isNotDone();
        busy.close();
        newcomer.join().close();
        late.join().close();
        assertThat(memory.loader().loads()).containsExactly("a", "b", "a");
    }

    @Test
    @DisplayName("refuses at registration what the budget could never hold, and names the setting")
    void tooLarge() {
        AdapterStore store = memory.budget(1000);
        assertThatThrownBy(() -> store.register("a", AdapterMemoryFixture.folder()))
                .isInstanceOf(AdapterRefused.class)
                .hasMessageContaining("tidemark.engine.adapter-bytes")
                .hasMessageContaining("1000");
        assertThat(store.ids()).isEmpty();
    }

    @Test
    @DisplayName("stands many threads that ask and leave at random, within its budget and with every lease usable")
    void manyThreads() {
        AdapterStore store = memory.roomFor(2);
        List<CompletableFuture<Void>> users = IntStream.range(0, 8)
                .mapToObj(user -> CompletableFuture.runAsync(
                        () -> {
                            for (int i = 0; i < 25; i++) {
                                String id = String.valueOf((char)
                                        ('a' + ThreadLocalRandom.current().nextInt(4)));
                                try (AdapterLease lease = store.awaitLease(id)) {
                                    assertThat(lease.adapter().id()).isEqualTo(id);
                                    assertThat(memory.isAlive(lease)).isTrue();
                                    assertThat(store.stats().residentBytes())
                                            .isLessThanOrEqualTo(2 * memory.adapterBytes());
                                }
                            }
                        },
                        command -> new Thread(command).start()))
                .toList();
        users.forEach(CompletableFuture::join);
        assertThat(store.stats().leases()).isEqualTo(200);
    }
}
