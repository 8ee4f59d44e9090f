package io.tidemark.adapter.source;

import static io.tidemark.adapter.source.OpenSources.assertHas;
import static io.tidemark.adapter.source.OpenSources.failure;
import static io.tidemark.adapter.source.OpenSources.get;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.sun.net.httpserver.HttpHandler;
import io.tidemark.adapter.source.SourceException.Failure;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("oci: sources")
class RegistrySourcesTest {

    private static final AdapterBytes ADAPTER = AdapterBytes.of(1, 300_000);
    private static final String BLOBS = "/v2/team/adapters/blobs/";
    private static final String WEIGHTS = BLOBS + digest(ADAPTER.weights());

    @TempDir
    Path cache;

    private final FileServer server = new FileServer();
    private final FileServer storage = new FileServer();

    @AfterEach
    void close() {
        server.close();
        storage.close();
    }

    @Test
    @DisplayName("Are the layers of a manifest with the titles of the files")
    void downloads() throws Exception {
        AdapterSource source = pushed(AdapterFiles.WEIGHTS);
        try (AdapterFolders folders = sources().open()) {
            assertHas(get(folders.hold(source, ADAPTER.digest())), ADAPTER);
        }
        assertThat(server.received())
                .hasSize(3)
                .allSatisfy(
                        request -> assertThat(request.header("authorization")).isEmpty());
    }

    @Test
    @DisplayName("Go on after a broken connection")
    void resumes() throws Exception {
        AdapterSource source = pushed(AdapterFiles.WEIGHTS);
        server.answer(WEIGHTS, server.failing(1, server.broken(200_000, new CountDownLatch(0))));
        try (AdapterFolders folders = sources().open()) {
            assertHas(get(folders.hold(source, ADAPTER.digest())), ADAPTER);
            assertThat(folders.stats().downloadedBytes()).isLessThan(2L * ADAPTER.bytes() - 100_000);
        }
        assertThat(server.received(WEIGHTS))
                .last()
                .satisfies(again -> assertThat(again.header("range")).isPresent());
    }

    @Test
    @DisplayName("Are downloaded from the beginning if the registry has no ranges")
    void noRanges() throws Exception {
        AdapterSource source = pushed(AdapterFiles.WEIGHTS);
        HttpHandler broken = server.broken(200_000, new CountDownLatch(0));
        server.answer(WEIGHTS, exchange -> {
            if (exchange.getRequestHeaders().containsKey("Range")) {
                server.answer(WEIGHTS, server::file);
                FileServer.status(416).handle(exchange);
            } else {
                broken.handle(exchange);
            }
        });
        try (AdapterFolders folders = sources().open()) {
            assertHas(get(folders.hold(source, ADAPTER.digest())), ADAPTER);
        }
        assertThat(server.received(WEIGHTS)).hasSize(3);
    }

    @Test
    @DisplayName("Get a token for user and password, and no credentials for the storage that blobs are redirected to")
    void token() throws Exception {
        AdapterSource source = pushed(AdapterFiles.WEIGHTS);
        for (String path : List.copyOf(paths(source))) {
            server.answer(
                    path,
                    bearer(
                            path.equals(WEIGHTS)
                                    ? FileServer.redirect(storage.address("localhost") + "/blob?sig=s3cr3t")
                                    : server::file));
        }
        storage.put("/blob", ADAPTER.weights());
        server.answer("/token", exchange -> {
            boolean basic = Optional.ofNullable(exchange.getRequestHeaders().getFirst("Authorization"))
                    .orElse("")
                    .startsWith("Basic ");
            boolean scope = exchange.getRequestURI().getQuery().contains("scope=repository:team/adapters:pull");
            FileServer.text(basic && scope ? 200 : 403, "application/json", "{\"token\":\"t0ken\"}")
                    .handle(exchange);
        });
        try (AdapterFolders folders = sources().password("s3cr3t").open()) {
            assertHas(get(folders.hold(source, ADAPTER.digest())), ADAPTER);
        }
        assertThat(storage.received())
                .singleElement()
                .satisfies(
                        request -> assertThat(request.header("authorization")).isEmpty());
        try (AdapterFolders folders =
                new OpenSources(cache.resolve("other")).server(server).open()) {
            assertThat(failure(folders.hold(source, ADAPTER.digest()), Failure.DENIED)
                            .getMessage())
                    .contains("tidemark.sources.registry.user");
        }
    }

    @Test
    @DisplayName("Are refused if manifest or layer have other bytes than their digest, and leave nothing behind")
    void wrongDigest() throws Exception {
        AdapterSource source = pushed(AdapterFiles.WEIGHTS);
        server.put(WEIGHTS, AdapterBytes.of(2, 300_000).weights());
        try (AdapterFolders folders = sources().open()) {
            failure(folders.hold(source, ADAPTER.digest()), Failure.WRONG_DIGEST);
            server.put(paths(source).get(0), "{\"layers\":[]}".getBytes(StandardCharsets.UTF_8));
            failure(folders.hold(source, ADAPTER.digest()), Failure.WRONG_DIGEST);
        }
        assertThat(OpenSources.partials(cache)).isEmpty();
    }

    @Test
    @DisplayName("Whose manifest or token stops in the middle are too slow at the end of the time")
    void stalled() {
        CountDownLatch never = new CountDownLatch(1);
        AdapterSource manifest = pushed(AdapterFiles.WEIGHTS);
        AdapterSource token = pushed(AdapterFiles.PICKLE);
        server.answer(paths(manifest).get(0), server.broken(1, never))
                .answer(paths(token).get(0), bearer(server::file))
                .put("/token", "{\"token\":\"t0ken\"}".getBytes(StandardCharsets.UTF_8))
                .answer("/token", server.broken(1, never));
        try (AdapterFolders folders = sources().time(Duration.ofSeconds(2)).open()) {
            failure(folders.hold(manifest, ADAPTER.digest()), Failure.TOO_SLOW);
            failure(folders.hold(token, ADAPTER.digest()), Failure.TOO_SLOW);
        }
        never.countDown();
    }

    @Test
    @DisplayName("Give no password to a host that the registry redirects to, whatever it asks for")
    void redirectedChallenge() {
        AdapterSource source = pushed(AdapterFiles.WEIGHTS);
        String path = paths(source).get(0);
        server.answer(path, FileServer.redirect(storage.address("localhost") + "/manifest"));
        storage.answer("/manifest", exchange -> {
            exchange.getResponseHeaders()
                    .set("WWW-Authenticate", "Bearer realm=\"" + storage.address("localhost") + "/token\"");
            FileServer.status(401).handle(exchange);
        });
        try (AdapterFolders folders = sources().password("s3cr3t").open()) {
            failure(folders.hold(source, ADAPTER.digest()), Failure.DENIED);
        }
        assertThat(storage.received())
                .singleElement()
                .satisfies(
                        request -> assertThat(request.header("authorization")).isEmpty());
    }

    @Test
    @DisplayName("Close the connection of a request for credentials, also if there is no token")
    void deniedToken() {
        CountDownLatch closed = new CountDownLatch(1);
        AdapterSource source = pushed(AdapterFiles.WEIGHTS);
        server.answer("/token", FileServer.status(403)).answer(paths(source).get(0), exchange -> {
            exchange.getResponseHeaders()
                    .set("WWW-Authenticate", "Bearer realm=\"" + server.address("127.0.0.1") + "/token\"");
            FileServer.endless(401, closed).handle(exchange);
        });
        try (AdapterFolders folders = sources().open()) {
            failure(folders.hold(source, ADAPTER.digest()), Failure.DENIED);
            await().until(() -> closed.getCount() == 0);
        }
    }

    @Test
    @DisplayName("With a layer of more bytes than a number can count are too large")
    void hugeLayer() {
        AdapterSource source = manifest("{\"layers\":[" + layer(AdapterFiles.CONFIG, ADAPTER.config()) + ","
                + layer(AdapterFiles.WEIGHTS, ADAPTER.weights())
                        .replace("\"size\":300000", "\"size\":" + Long.MAX_VALUE)
                + "]}");
        server.put(BLOBS + digest(ADAPTER.config()), ADAPTER.config()).put(WEIGHTS, ADAPTER.weights());
        try (AdapterFolders folders = sources().time(Duration.ofSeconds(3)).open()) {
            failure(folders.hold(source, ADAPTER.digest()), Failure.TOO_LARGE);
        }
    }

    @Test
    @DisplayName("Are refused if they have a pickle, other titles, an index, or no manifest")
    void refused() {
        AdapterSource pickle = pushed(AdapterFiles.PICKLE);
        AdapterSource other = pushed("model.safetensors");
        AdapterSource index = manifest("{\"manifests\":[]}");
        AdapterSource text = manifest("no JSON");
        AdapterSource missing = source("sha256:" + "0".repeat(64));
        try (AdapterFolders folders = sources().open()) {
            failure(folders.hold(pickle, ADAPTER.digest()), Failure.PICKLE);
            failure(folders.hold(other, ADAPTER.digest()), Failure.NOT_FOUND);
            failure(folders.hold(index, ADAPTER.digest()), Failure.INVALID_ANSWER);
            failure(folders.hold(text, ADAPTER.digest()), Failure.INVALID_ANSWER);
            failure(folders.hold(missing, ADAPTER.digest()), Failure.NOT_FOUND);
        }
    }

    /** Asks for a token, of an address of the server. */
    private HttpHandler bearer(HttpHandler answer) {
        return exchange -> {
            if ("Bearer t0ken".equals(exchange.getRequestHeaders().getFirst("Authorization"))) {
                answer.handle(exchange);
                return;
            }
            exchange.getResponseHeaders()
                    .set(
                            "WWW-Authenticate",
                            "Bearer realm=\"" + server.address("127.0.0.1") + "/token\",service=\"the registry\"");
            FileServer.status(401).handle(exchange);
        };
    }

    private AdapterSource pushed(String title) {
        server.put(BLOBS + digest(ADAPTER.config()), ADAPTER.config()).put(WEIGHTS, ADAPTER.weights());
        return manifest("{\"schemaVersion\":2,\"layers\":[" + layer(AdapterFiles.CONFIG, ADAPTER.config()) + ","
                + layer(title, ADAPTER.weights()) + "]}");
    }

    private AdapterSource manifest(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        server.put("/v2/team/adapters/manifests/" + digest(bytes), bytes);
        return source(digest(bytes));
    }

    private List<String> paths(AdapterSource source) {
        return List.of("/v2/team/adapters/manifests/" + source.version(), BLOBS + digest(ADAPTER.config()), WEIGHTS);
    }

    private AdapterSource source(String digest) {
        return AdapterSource.parse("oci://127.0.0.1:" + server.port() + "/team/adapters@" + digest);
    }

    private static String layer(String title, byte[] content) {
        return "{\"digest\":\"" + digest(content) + "\",\"size\":" + content.length
                + ",\"annotations\":{\"org.opencontainers.image.title\":\"" + title + "\"}}";
    }

    private static String digest(byte[] content) {
        return "sha256:" + HexFormat.of().formatHex(Sha256.of(content));
    }

    private OpenSources sources() {
        return new OpenSources(cache).server(server);
    }
}
