package io.tidemark.adapter.source;

import static io.tidemark.adapter.source.OpenSources.assertHas;
import static io.tidemark.adapter.source.OpenSources.get;
import static io.tidemark.adapter.source.OpenSources.hub;
import static io.tidemark.adapter.source.OpenSources.path;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("Processes that share a cache folder")
class SharedCacheTest {

    private static final AdapterBytes ADAPTER = AdapterBytes.of(1, 300_000);
    private static final String WEIGHTS = path("a") + "/" + AdapterFiles.WEIGHTS;
    private static final Duration START = Duration.ofSeconds(60);

    @TempDir
    Path cache;

    private final FileServer server = new FileServer();
    private final List<Process> processes = new ArrayList<>();

    @AfterEach
    void close() {
        processes.forEach(Process::destroyForcibly);
        server.close();
    }

    @Test
    @DisplayName("Download an adapter once: one does, and the other waits and finds it")
    void once() throws Exception {
        CountDownLatch go = new CountDownLatch(1);
        server.put(path("a"), ADAPTER).answer(WEIGHTS, exchange -> {
            try {
                go.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            server.file(exchange);
        });
        Process other = start();
        await().atMost(START).until(() -> !server.received(WEIGHTS).isEmpty());
        try (AdapterFolders folders = new OpenSources(cache).server(server).open()) {
            CompletableFuture<HeldFolder> here = folders.hold(hub("a"), ADAPTER.digest());
            go.countDown();
            assertHas(get(here), ADAPTER);
            assertThat(line(other)).startsWith("held " + ADAPTER.bytes());
            assertThat(folders.stats().downloadedBytes()).isZero();
        }
        assertThat(server.received()).hasSize(2);
    }

    @Test
    @DisplayName("Do not evict what another one holds, and do so when it is killed")
    void held() throws Exception {
        server.put(path("a"), ADAPTER);
        server.put(path("b"), AdapterBytes.of(2, 1_000)).put(path("c"), AdapterBytes.of(3, 1_000));
        Process other = start();
        assertThat(line(other)).startsWith("held");
        try (AdapterFolders folders =
                new OpenSources(cache).server(server).cacheBytes(0).open()) {
            get(folders.hold(hub("b"), AdapterBytes.of(2, 1_000).digest()));
            assertThat(OpenSources.cached(cache)).contains(ADAPTER.digest());
            other.destroyForcibly().waitFor();
            get(folders.hold(hub("c"), AdapterBytes.of(3, 1_000).digest()));
            assertThat(OpenSources.cached(cache)).doesNotContain(ADAPTER.digest());
        }
    }

    @Test
    @DisplayName("Go on with the download of one that was killed in the middle")
    void killed() throws Exception {
        CountDownLatch never = new CountDownLatch(1);
        server.put(path("a"), ADAPTER).answer(WEIGHTS, server.failing(1, server.broken(200_000, never)));
        Process other = start();
        Path partial = cache.resolve(".partial/" + ADAPTER.digest() + "/files/" + AdapterFiles.WEIGHTS);
        await().atMost(START).until(() -> Files.exists(partial) && Files.size(partial) >= 200_000);
        other.destroyForcibly().waitFor();
        try (AdapterFolders folders = new OpenSources(cache).server(server).open()) {
            assertHas(get(folders.hold(hub("a"), ADAPTER.digest())), ADAPTER);
            assertThat(folders.stats().downloadedBytes()).isLessThan(150_000);
        }
        assertThat(server.received(WEIGHTS).get(1).header("range")).contains("bytes=199999-");
        never.countDown();
    }

    private Process start() throws Exception {
        Process process = HoldingProcess.start(cache, server, "a", ADAPTER);
        processes.add(process);
        return process;
    }

    private static String line(Process process) throws Exception {
        return new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8)).readLine();
    }
}
