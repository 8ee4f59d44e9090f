package io.tidemark.adapter.source;

import static io.tidemark.adapter.source.OpenSources.assertHas;
import static io.tidemark.adapter.source.OpenSources.failure;
import static io.tidemark.adapter.source.OpenSources.get;
import static io.tidemark.adapter.source.OpenSources.hub;
import static io.tidemark.adapter.source.OpenSources.path;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.sun.net.httpserver.HttpHandler;
import io.tidemark.adapter.source.SourceException.Failure;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("s3: sources")
class BucketSourcesTest {

    private static final AdapterBytes ADAPTER = AdapterBytes.of(1, 300_000);
    private static final AdapterSource SOURCE = AdapterSource.parse("s3://bucket/team a/v1");
    private static final String FOLDER = "/bucket/team a/v1";
    private static final String WEIGHTS = FOLDER + "/" + AdapterFiles.WEIGHTS;

    @TempDir
    Path cache;

    private final FileServer server = new FileServer();

    @BeforeAll
    static void credentials() {
        System.setProperty("aws.accessKeyId", "key");
        System.setProperty("aws.secretAccessKey", "s3cr3t");
    }

    @AfterAll
    static void noCredentials() {
        System.clearProperty("aws.accessKeyId");
        System.clearProperty("aws.secretAccessKey");
    }

    @AfterEach
    void close() {
        server.close();
    }

    @Test
    @DisplayName("Are downloaded with the credentials of the SDK")
    void downloads() throws Exception {
        server.put(FOLDER, ADAPTER);
        try (AdapterFolders folders = sources().open()) {
            assertHas(get(folders.hold(SOURCE, ADAPTER.digest())), ADAPTER);
        }
        assertThat(server.received())
                .allSatisfy(request -> assertThat(request.header("authorization"))
                        .hasValueSatisfying(value -> assertThat(value).contains("Credential=key/")));
    }

    @Test
    @DisplayName("Go on after a broken connection, if the ETag is the same")
    void resumes() throws Exception {
        server.put(FOLDER, ADAPTER).answer(WEIGHTS, server.failing(1, server.broken(200_000, new CountDownLatch(0))));
        try (AdapterFolders folders = sources().open()) {
            assertHas(get(folders.hold(SOURCE, ADAPTER.digest())), ADAPTER);
        }
        assertThat(server.received(AdapterFiles.WEIGHTS))
                .hasSize(2)
                .last()
                .satisfies(again -> assertThat(again.header("range")).isPresent())
                .satisfies(again -> assertThat(again.header("if-match")).contains(FileServer.tag(ADAPTER.weights())));
    }

    @Test
    @DisplayName("Are downloaded from the beginning if the object was replaced meanwhile")
    void changed() throws Exception {
        server.put(FOLDER, AdapterBytes.of(7, 300_000))
                .put(FOLDER + "/" + AdapterFiles.CONFIG, ADAPTER.config())
                .answer(WEIGHTS, exchange -> {
                    server.broken(200_000, new CountDownLatch(0)).handle(exchange);
                    server.put(WEIGHTS, ADAPTER.weights()).answer(WEIGHTS, server::file);
                });
        try (AdapterFolders folders = sources().open()) {
            assertHas(get(folders.hold(SOURCE, ADAPTER.digest())), ADAPTER);
        }
    }

    @Test
    @DisplayName("Whose store refuses a request without a range are refused")
    void refusedWhole() {
        server.put(FOLDER, ADAPTER).answer(WEIGHTS, FileServer.status(416));
        try (AdapterFolders folders = sources().open()) {
            failure(folders.hold(SOURCE, ADAPTER.digest()), Failure.INVALID_ANSWER);
        }
    }

    @Test
    @DisplayName("With another range than the one that was asked for are refused")
    void otherRange() {
        HttpHandler broken = server.broken(200_000, new CountDownLatch(0));
        server.put(FOLDER, ADAPTER).answer(WEIGHTS, exchange -> {
            if (exchange.getRequestHeaders().containsKey("Range")) {
                exchange.getResponseHeaders().set("Content-Range", "bytes 0-9/300000");
                FileServer.text(206, "text/plain", "0123456789").handle(exchange);
            } else {
                broken.handle(exchange);
            }
        });
        try (AdapterFolders folders = sources().open()) {
            failure(folders.hold(SOURCE, ADAPTER.digest()), Failure.INVALID_ANSWER);
        }
    }

    @Test
    @DisplayName("That stop in the middle do not delay the repetitions of others when nobody waits for them")
    void stalled() throws Exception {
        CountDownLatch end = new CountDownLatch(1);
        AdapterBytes other = AdapterBytes.of(2, 1_000);
        server.put(FOLDER, ADAPTER).answer(WEIGHTS, server.broken(200_000, end));
        server.put(path("a"), other)
                .answer(path("a") + "/" + AdapterFiles.CONFIG, server.failing(60, FileServer.status(503)));
        try (AdapterFolders folders = sources().open()) {
            CompletableFuture<HeldFolder> stalled = folders.hold(SOURCE, ADAPTER.digest());
            await().until(() -> folders.stats().downloadedBytes() >= 200_000);
            stalled.cancel(false);
            // the read that waits for the bucket ends after 30 s
            assertHas(folders.hold(hub("a"), other.digest()).get(15, TimeUnit.SECONDS), other);
            end.countDown();
        }
    }

    @Test
    @DisplayName("Are refused if they are missing, denied, in another region, or a pickle")
    void refused() {
        try (AdapterFolders folders = sources().open()) {
            failure(folders.hold(SOURCE, ADAPTER.digest()), Failure.NOT_FOUND);
            server.put(FOLDER, ADAPTER).remove(WEIGHTS).put(FOLDER + "/" + AdapterFiles.PICKLE, new byte[1]);
            failure(folders.hold(SOURCE, ADAPTER.digest()), Failure.PICKLE);
            server.answer(WEIGHTS, FileServer.status(301));
            failure(folders.hold(SOURCE, ADAPTER.digest()), Failure.REDIRECTED);
            server.answer(WEIGHTS, FileServer.redirect("http://localhost:1/"));
            failure(folders.hold(SOURCE, ADAPTER.digest()), Failure.REDIRECTED);
            server.answer(WEIGHTS, FileServer.status(403));
            assertThat(failure(folders.hold(SOURCE, ADAPTER.digest()), Failure.DENIED)
                            .getMessage())
                    .doesNotContain("s3cr3t");
        }
    }

    @Test
    @DisplayName("Without end and too slow ones end")
    void limits() {
        CountDownLatch end = new CountDownLatch(1);
        server.put(FOLDER, ADAPTER).answer(WEIGHTS, FileServer.endless());
        try (AdapterFolders folders = sources().open()) {
            failure(folders.hold(SOURCE, ADAPTER.digest()), Failure.TOO_LARGE);
        }
        try (AdapterFolders folders = sources().time(Duration.ofSeconds(2)).open()) {
            server.answer(WEIGHTS, FileServer.trickle(end));
            failure(folders.hold(SOURCE, ADAPTER.digest()), Failure.TOO_SLOW);
        }
        end.countDown();
    }

    private OpenSources sources() {
        return new OpenSources(cache).server(server);
    }
}
