package io.tidemark.adapter.source;

import static io.tidemark.adapter.source.OpenSources.assertHas;
import static io.tidemark.adapter.source.OpenSources.failure;
import static io.tidemark.adapter.source.OpenSources.get;
import static io.tidemark.adapter.source.OpenSources.hub;
import static io.tidemark.adapter.source.OpenSources.path;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.sun.net.httpserver.HttpHandler;
import io.tidemark.adapter.source.SourceException.Failure;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("hf: sources")
class HubSourcesTest {

    private static final AdapterBytes ADAPTER = AdapterBytes.of(1, 300_000);
    private static final String WEIGHTS = path("a") + "/" + AdapterFiles.WEIGHTS;

    @TempDir
    Path cache;

    private final FileServer server = new FileServer();
    private final FileServer content = new FileServer();

    @AfterEach
    void close() {
        server.close();
        content.close();
    }

    @Test
    @DisplayName("Are downloaded once, and served from the cache afterwards, also after a restart")
    void downloads() throws Exception {
        server.put(path("a"), ADAPTER);
        for (int start = 0; start < 2; start++) {
            try (AdapterFolders folders = sources().open()) {
                for (int time = 0; time < 2; time++) {
                    try (HeldFolder held = get(folders.hold(hub("a"), ADAPTER.digest()))) {
                        assertHas(held, ADAPTER);
                        assertThat(held.path()).isEqualTo(cache.resolve(ADAPTER.digest()));
                    }
                }
                assertThat(folders.stats().cachedFolders()).isEqualTo(1);
                assertThat(folders.stats().cachedBytes()).isEqualTo(ADAPTER.bytes());
                assertThat(folders.stats().downloaded()).isEqualTo(1 - start);
            }
        }
        assertThat(server.received()).hasSize(2);
        assertThat(OpenSources.partials(cache)).isEmpty();
    }

    @Test
    @DisplayName("In a folder of the repository are downloaded from there; a command gets their digest")
    void folder() {
        server.put(path("a") + "/sub/one", ADAPTER);
        AdapterSource source = AdapterSource.parse(hub("a") + "/sub/one");
        try (AdapterFolders folders = sources().open();
                HeldFolder held = folders.fetch(source)) {
            assertThat(held.digest()).isEqualTo(ADAPTER.digest());
            assertThat(held.path()).isEqualTo(cache.resolve(ADAPTER.digest()));
        }
    }

    @Test
    @DisplayName("All who wait for one digest share its download, and each has a hold of its own")
    void shared() throws Exception {
        CountDownLatch go = new CountDownLatch(1);
        server.put(path("a"), ADAPTER).answer(WEIGHTS, exchange -> {
            awaited(go);
            server.file(exchange);
        });
        try (AdapterFolders folders = sources().open()) {
            List<CompletableFuture<HeldFolder>> futures = List.of(
                    folders.hold(hub("a"), ADAPTER.digest()),
                    folders.hold(hub("a"), ADAPTER.digest()),
                    folders.hold(hub("other"), ADAPTER.digest()));
            await().until(() -> !server.received(AdapterFiles.WEIGHTS).isEmpty());
            futures.get(0).cancel(false);
            go.countDown();
            HeldFolder first = get(futures.get(1));
            HeldFolder second = get(futures.get(2));
            assertHas(first, ADAPTER);
            assertThat(second.path()).isEqualTo(first.path());
            assertThat(server.received()).hasSize(2);
        }
    }

    @Test
    @DisplayName("A source that fails fails its own callers only, and another source of the digest is asked")
    void secondSource() throws Exception {
        server.put(path("a"), ADAPTER);
        try (AdapterFolders folders = sources().downloads(1).open()) {
            CompletableFuture<HeldFolder> missing = folders.hold(hub("missing"), ADAPTER.digest());
            CompletableFuture<HeldFolder> present = folders.hold(hub("a"), ADAPTER.digest());
            failure(missing, Failure.NOT_FOUND);
            assertHas(get(present), ADAPTER);
        }
    }

    @Test
    @DisplayName("A source that is down does not delay another source of the digest")
    void secondSourceWhileDown() throws Exception {
        server.put(path("a"), ADAPTER).answer(path("down") + "/" + AdapterFiles.CONFIG, FileServer.status(503));
        try (AdapterFolders folders = sources().open()) {
            CompletableFuture<HeldFolder> down = folders.hold(hub("down"), ADAPTER.digest());
            await().until(() -> !server.received().isEmpty());
            assertHas(get(folders.hold(hub("a"), ADAPTER.digest())), ADAPTER);
            // the bytes are the same from any source
            assertHas(get(down), ADAPTER);
        }
    }

    @Test
    @DisplayName("A download that nobody waits for ends")
    void cancelled() {
        CountDownLatch end = new CountDownLatch(1);
        server.put(path("a"), ADAPTER).answer(WEIGHTS, FileServer.trickle(end));
        try (AdapterFolders folders = sources().open()) {
            CompletableFuture<HeldFolder> future = folders.hold(hub("a"), ADAPTER.digest());
            await().until(() -> !server.received(AdapterFiles.WEIGHTS).isEmpty());
            future.cancel(false);
            await().until(() -> end.getCount() == 0);
            await().until(() -> folders.stats().running() == 0);
            assertThat(folders.stats().failed()).isZero();
        }
    }

    @Test
    @DisplayName("The token goes to the hub and not to the host it redirects to")
    void token() throws Exception {
        server.put(path("a"), ADAPTER)
                .answer(WEIGHTS, FileServer.redirect(content.address("localhost") + "/blob?Signature=s3cr3t"));
        content.put("/blob", ADAPTER.weights());
        try (AdapterFolders folders = sources().token("hf_secret").open()) {
            assertHas(get(folders.hold(hub("a"), ADAPTER.digest())), ADAPTER);
        }
        assertThat(server.received())
                .allSatisfy(
                        request -> assertThat(request.header("authorization")).contains("Bearer hf_secret"));
        assertThat(content.received())
                .singleElement()
                .satisfies(
                        request -> assertThat(request.header("authorization")).isEmpty());
    }

    @Test
    @DisplayName("A redirect to a host that is not in the settings is refused, without its signature in the message")
    void redirectedAway() {
        server.put(path("a"), ADAPTER)
                .answer(WEIGHTS, FileServer.redirect("http://evil-localhost:9/blob?Signature=s3cr3t"));
        try (AdapterFolders folders = sources().open()) {
            assertThat(failure(folders.hold(hub("a"), ADAPTER.digest()), Failure.REDIRECTED))
                    .hasMessageContaining("evil-localhost")
                    .satisfies(failure -> assertThat(failure.getMessage()).doesNotContain("s3cr3t"));
        }
    }

    @Test
    @DisplayName("Redirects without end, to a user, or to another protocol are refused")
    void strangeRedirects() {
        for (String location : List.of(WEIGHTS, "http://user@localhost/x", "ftp://localhost/x", "http://[")) {
            server.put(path("a"), ADAPTER).answer(WEIGHTS, FileServer.redirect(location));
            try (AdapterFolders folders = sources().open()) {
                failure(folders.hold(hub("a"), ADAPTER.digest()), Failure.REDIRECTED);
            }
        }
    }

    @Test
    @DisplayName("A broken connection goes on where it ended, if the ETag is the same")
    void resumes() throws Exception {
        server.put(path("a"), ADAPTER)
                .answer(WEIGHTS, server.failing(1, server.broken(200_000, new CountDownLatch(0))));
        try (AdapterFolders folders = sources().open()) {
            assertHas(get(folders.hold(hub("a"), ADAPTER.digest())), ADAPTER);
            assertThat(folders.stats().downloadedBytes()).isLessThan(2L * ADAPTER.bytes() - 100_000);
        }
        FileServer.Received again = server.received(AdapterFiles.WEIGHTS).get(1);
        assertThat(again.header("range"))
                .hasValueSatisfying(
                        range -> assertThat(range).matches("bytes=[0-9]+-").isNotEqualTo("bytes=0-"));
        assertThat(again.header("if-range")).contains(FileServer.tag(ADAPTER.weights()));
    }

    @Test
    @DisplayName("A download goes on after a restart of the process")
    void resumesAfterRestart() throws Exception {
        CountDownLatch never = new CountDownLatch(1);
        server.put(path("a"), ADAPTER).answer(WEIGHTS, server.failing(1, server.broken(200_000, never)));
        CompletableFuture<HeldFolder> first;
        try (AdapterFolders folders = sources().open()) {
            first = folders.hold(hub("a"), ADAPTER.digest());
            await().until(() -> folders.stats().downloadedBytes() >= 200_000);
        }
        failure(first, Failure.CLOSED);
        assertThat(OpenSources.partials(cache)).containsExactly(ADAPTER.digest());
        try (AdapterFolders folders = sources().open()) {
            assertHas(get(folders.hold(hub("a"), ADAPTER.digest())), ADAPTER);
            assertThat(folders.stats().downloadedBytes()).isLessThan(150_000);
        }
        never.countDown();
    }

    @Test
    @DisplayName("A file that changed meanwhile is downloaded from its beginning")
    void changed() throws Exception {
        AdapterBytes before =
                new AdapterBytes(ADAPTER.config(), AdapterBytes.of(7, 300_000).weights());
        server.put(path("a"), before).answer(WEIGHTS, exchange -> {
            server.broken(200_000, new CountDownLatch(0)).handle(exchange);
            server.put(WEIGHTS, ADAPTER.weights()).answer(WEIGHTS, server::file);
        });
        try (AdapterFolders folders = sources().open()) {
            assertHas(get(folders.hold(hub("a"), ADAPTER.digest())), ADAPTER);
        }
    }

    @Test
    @DisplayName("Other bytes under the same ETag are found by the digest, and downloaded from their beginning")
    void sameTag() throws Exception {
        server.put(path("a"), ADAPTER).answer(WEIGHTS, exchange -> {
            exchange.getResponseHeaders().set("ETag", FileServer.tag(ADAPTER.weights()));
            exchange.sendResponseHeaders(200, ADAPTER.weights().length);
            exchange.getResponseBody().write(new byte[200_000]);
            exchange.getResponseBody().flush();
            server.answer(WEIGHTS, server::file);
            exchange.close();
        });
        try (AdapterFolders folders = sources().open()) {
            assertHas(get(folders.hold(hub("a"), ADAPTER.digest())), ADAPTER);
        }
    }

    @Test
    @DisplayName("A connection that always breaks at the same byte fails as truncated at the end of the time")
    void truncated() {
        server.put(path("a"), ADAPTER).answer(WEIGHTS, exchange -> {
            exchange.sendResponseHeaders(200, 1_000);
            exchange.getResponseBody().write(new byte[10]);
            exchange.close();
        });
        try (AdapterFolders folders = sources().time(Duration.ofSeconds(3)).open()) {
            assertThat(failure(folders.hold(hub("a"), ADAPTER.digest()), Failure.TRUNCATED)
                            .isTemporary())
                    .isTrue();
            assertThat(folders.stats().failed()).isEqualTo(1);
        }
        assertThat(server.received(AdapterFiles.WEIGHTS).size()).isGreaterThan(1);
    }

    @Test
    @DisplayName("Failures that pass are repeated")
    void repeated() throws Exception {
        server.put(path("a"), ADAPTER)
                .answer(WEIGHTS, server.failing(3, FileServer.status(503)))
                .answer(path("a") + "/" + AdapterFiles.CONFIG, server.failing(1, FileServer.status(520)));
        try (AdapterFolders folders = sources().open()) {
            assertHas(get(folders.hold(hub("a"), ADAPTER.digest())), ADAPTER);
        }
    }

    @Test
    @DisplayName("A source that is down holds no thread, so that others are downloaded meanwhile")
    void down() throws Exception {
        server.put(path("a"), ADAPTER);
        server.answer(path("down") + "/" + AdapterFiles.CONFIG, FileServer.status(503));
        try (AdapterFolders folders = sources().downloads(1).open()) {
            CompletableFuture<HeldFolder> down =
                    folders.hold(hub("down"), AdapterBytes.of(5, 5).digest());
            await().until(() -> server.received().size() > 2);
            assertHas(get(folders.hold(hub("a"), ADAPTER.digest())), ADAPTER);
            assertThat(down).isNotDone();
        }
    }

    @Test
    @DisplayName("Slow downloads from one owner take no thread from another owner")
    void slowOwner() throws Exception {
        CountDownLatch end = new CountDownLatch(1);
        AdapterSource slow = AdapterSource.parse("hf://slow/a@" + OpenSources.COMMIT);
        server.put(path("a"), ADAPTER)
                .answer(path("a").replace("team", "slow") + "/" + AdapterFiles.CONFIG, FileServer.trickle(end));
        try (AdapterFolders folders = sources()
                .allow("hf://slow")
                .downloads(1)
                .time(Duration.ofMinutes(10))
                .open()) {
            CompletableFuture<HeldFolder> first =
                    folders.hold(slow, AdapterBytes.of(5, 5).digest());
            await().until(() -> !server.received().isEmpty());
            assertHas(get(folders.hold(hub("a"), ADAPTER.digest())), ADAPTER);
            assertThat(first).isNotDone();
        }
        end.countDown();
    }

    @Test
    @DisplayName("Another range than the one that was asked for is refused, and its connection is closed")
    void otherRange() {
        CountDownLatch closed = new CountDownLatch(1);
        HttpHandler broken = server.broken(200_000, new CountDownLatch(0));
        server.put(path("a"), ADAPTER).answer(WEIGHTS, exchange -> {
            if (exchange.getRequestHeaders().containsKey("Range")) {
                exchange.getResponseHeaders().set("Content-Range", "bytes 0-9/300000");
                FileServer.endless(206, closed).handle(exchange);
            } else {
                broken.handle(exchange);
            }
        });
        try (AdapterFolders folders = sources().open()) {
            failure(folders.hold(hub("a"), ADAPTER.digest()), Failure.INVALID_ANSWER);
            await().until(() -> closed.getCount() == 0);
        }
    }

    @Test
    @DisplayName(
            "A process that ends before it overwrites an older version leaves nothing that is mixed with a newer one")
    void killedBeforeOverwriting() throws Exception {
        AdapterBytes before =
                new AdapterBytes(ADAPTER.config(), AdapterBytes.of(7, 300_000).weights());
        server.put(path("a"), before).answer(WEIGHTS, exchange -> {
            server.broken(200_000, new CountDownLatch(0)).handle(exchange);
            server.put(WEIGHTS, ADAPTER.weights()).answer(WEIGHTS, server::file);
        });
        AtomicInteger opened = new AtomicInteger();
        Disk system = Disk.system();
        Disk killed = (file, offset) -> {
            if (file.endsWith(AdapterFiles.WEIGHTS) && opened.incrementAndGet() == 2) {
                throw new IllegalStateException("killed");
            }
            return system.open(file, offset);
        };
        try (AdapterFolders folders = sources().disk(killed).open()) {
            assertThatThrownBy(() -> folders.fetch(hub("a"))).hasRootCauseMessage("killed");
        }
        try (AdapterFolders folders = sources().open();
                HeldFolder held = folders.fetch(hub("a"))) {
            assertHas(held, ADAPTER);
        }
    }

    @Test
    @DisplayName("A server that can't be reached is named")
    void unreachable() {
        try (AdapterFolders folders =
                new OpenSources(cache).time(Duration.ofSeconds(3)).open()) {
            assertThat(failure(folders.hold(hub("a"), ADAPTER.digest()), Failure.UNREACHABLE))
                    .hasMessageContaining(hub("a").toString());
        }
    }

    @Test
    @DisplayName("A wrong digest fails at once, and leaves nothing behind")
    void wrongDigest() throws Exception {
        server.put(path("a"), ADAPTER);
        try (AdapterFolders folders = sources().open()) {
            failure(folders.hold(hub("a"), AdapterBytes.of(2, 2).digest()), Failure.WRONG_DIGEST);
        }
        assertThat(OpenSources.cached(cache)).isEmpty();
        assertThat(OpenSources.partials(cache)).isEmpty();
        assertThat(server.received()).hasSize(2);
    }

    @Test
    @DisplayName("A repository with a pickle only, without an adapter, or that is denied is named so")
    void refused() {
        server.put(path("a"), ADAPTER).remove(WEIGHTS).put(path("a") + "/adapter_model.bin", new byte[1]);
        server.answer(path("secret") + "/" + AdapterFiles.CONFIG, FileServer.status(401));
        server.answer(path("odd") + "/" + AdapterFiles.CONFIG, FileServer.status(418));
        try (AdapterFolders folders = sources().token("hf_secret").open()) {
            failure(folders.hold(hub("a"), ADAPTER.digest()), Failure.PICKLE);
            failure(folders.hold(hub("nothing"), ADAPTER.digest()), Failure.NOT_FOUND);
            failure(folders.hold(hub("odd"), ADAPTER.digest()), Failure.INVALID_ANSWER);
            assertThat(failure(folders.hold(hub("secret"), ADAPTER.digest()), Failure.DENIED))
                    .hasMessageContaining("tidemark.sources.hub.token")
                    .satisfies(failure -> assertThat(failure.getMessage()).doesNotContain("hf_secret"));
        }
    }

    @Test
    @DisplayName("An owner that is not in the settings is not asked for anything")
    void notAllowed() {
        AdapterSource other = AdapterSource.parse(hub("a").toString().replace("team", "team2"));
        try (AdapterFolders folders = sources().open()) {
            failure(folders.hold(other, ADAPTER.digest()), Failure.NOT_ALLOWED);
        }
        assertThat(server.received()).isEmpty();
    }

    @Test
    @DisplayName("A body without end is refused at the limit, and one that is announced as too large before it arrives")
    void tooLarge() throws Exception {
        server.put(path("a"), ADAPTER).answer(WEIGHTS, FileServer.endless());
        server.put(path("b"), ADAPTER);
        try (AdapterFolders folders = sources().adapterBytes(100_000).open()) {
            failure(folders.hold(hub("a"), ADAPTER.digest()), Failure.TOO_LARGE);
            long endless = folders.stats().downloadedBytes();
            assertThat(endless).isLessThan(300_000);
            failure(folders.hold(hub("b"), ADAPTER.digest()), Failure.TOO_LARGE);
            assertThat(folders.stats().downloadedBytes() - endless).isEqualTo(ADAPTER.config().length);
        }
        assertThat(OpenSources.partials(cache)).isEmpty();
    }

    @Test
    @DisplayName("A config without end is refused")
    void endlessConfig() {
        server.answer(path("a") + "/" + AdapterFiles.CONFIG, FileServer.endless());
        try (AdapterFolders folders = sources().open()) {
            failure(folders.hold(hub("a"), ADAPTER.digest()), Failure.TOO_LARGE);
        }
    }

    @Test
    @DisplayName("A source that sends a byte now and then is too slow at the end of the time")
    void tooSlow() {
        CountDownLatch end = new CountDownLatch(1);
        server.put(path("a"), ADAPTER).answer(WEIGHTS, FileServer.trickle(end));
        try (AdapterFolders folders = sources().time(Duration.ofMillis(500)).open()) {
            failure(folders.hold(hub("a"), ADAPTER.digest()), Failure.TOO_SLOW);
        }
        end.countDown();
    }

    private OpenSources sources() {
        return new OpenSources(cache).server(server);
    }

    private static void awaited(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
