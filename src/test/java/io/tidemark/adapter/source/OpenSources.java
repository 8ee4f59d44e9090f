package io.tidemark.adapter.source;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.tidemark.adapter.source.SourceException.Failure;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** Options for servers of a test, and what tests ask of the folders that are opened with them. */
final class OpenSources {

    static final String COMMIT = "0123456789012345678901234567890123456789";
    static final AdapterFolders.Repetition AT_ONCE =
            new AdapterFolders.Repetition(Duration.ofMillis(1), Duration.ofMillis(20));
    private static final long WAIT_SECONDS = 60;

    private final Path cache;
    private Optional<Path> root = Optional.empty();
    private long cacheBytes = 1L << 30;
    private long adapterBytes = 1L << 20;
    private Duration time = Duration.ofMinutes(1);
    private int downloads = 4;
    private final List<String> allowed = new ArrayList<>(List.of("hf://team", "s3://bucket"));
    private String endpoint = "http://127.0.0.1:1";
    private Optional<String> token = Optional.empty();
    private Optional<String> password = Optional.empty();
    private List<String> plain = List.of();
    private Disk disk = Disk.system();

    OpenSources(Path cache) {
        this.cache = cache;
    }

    OpenSources noneAllowed() {
        allowed.clear();
        return this;
    }

    OpenSources allow(String prefix) {
        allowed.add(prefix);
        return this;
    }

    OpenSources server(FileServer server) {
        endpoint = server.address("127.0.0.1");
        plain = List.of("127.0.0.1:" + server.port());
        allowed.add("oci://127.0.0.1:" + server.port());
        return this;
    }

    OpenSources endpoint(String address) {
        endpoint = address;
        return this;
    }

    OpenSources root(Path folder) {
        root = Optional.of(folder);
        return this;
    }

    OpenSources cacheBytes(long bytes) {
        cacheBytes = bytes;
        return this;
    }

    OpenSources adapterBytes(long bytes) {
        adapterBytes = bytes;
        return this;
    }

    OpenSources time(Duration limit) {
        time = limit;
        return this;
    }

    OpenSources downloads(int number) {
        downloads = number;
        return this;
    }

    OpenSources token(String text) {
        token = Optional.of(text);
        return this;
    }

    OpenSources password(String text) {
        password = Optional.of(text);
        return this;
    }

    OpenSources disk(Disk other) {
        disk = other;
        return this;
    }

    AdapterFolders open() {
        return new AdapterFolders(options(), disk, AT_ONCE);
    }

    SourceOptions options() {
        return new SourceOptions(
                root,
                cache,
                cacheBytes,
                adapterBytes,
                time,
                downloads,
                allowed,
                new SourceOptions.S3(Optional.of(URI.create(endpoint)), Optional.empty(), true),
                new SourceOptions.Hub(URI.create(endpoint), token, List.of("localhost")),
                new SourceOptions.Registry(password.map(text -> "user"), password, plain));
    }

    static AdapterSource hub(String name) {
        return AdapterSource.parse("hf://team/" + name + "@" + COMMIT);
    }

    /** The folder of a repository on the server. */
    static String path(String name) {
        return "/team/" + name + "/resolve/" + COMMIT;
    }

    static HeldFolder get(CompletableFuture<HeldFolder> future) throws Exception {
        return future.get(WAIT_SECONDS, TimeUnit.SECONDS);
    }

    static SourceException failure(CompletableFuture<HeldFolder> future, Failure expected) {
        Throwable thrown = catchThrowable(() -> future.get(WAIT_SECONDS, TimeUnit.SECONDS));
        assertThat(thrown).isInstanceOf(ExecutionException.class).hasCauseInstanceOf(SourceException.class);
        SourceException failure = (SourceException) thrown.getCause();
        assertThat(failure.failure()).as(failure.getMessage()).isEqualTo(expected);
        return failure;
    }

    static void assertHas(HeldFolder folder, AdapterBytes adapter) throws IOException {
        assertThat(folder.digest()).isEqualTo(adapter.digest());
        assertThat(folder.bytes()).isEqualTo(adapter.bytes());
        assertThat(Files.readAllBytes(folder.path().resolve(AdapterFiles.CONFIG)))
                .isEqualTo(adapter.config());
        assertThat(Files.readAllBytes(folder.path().resolve(AdapterFiles.WEIGHTS)))
                .isEqualTo(adapter.weights());
    }

    static void replaceByPipe(Path file) throws Exception {
        Files.delete(file);
        Process process =
                new ProcessBuilder("mkfifo", file.toString()).inheritIO().start();
        assertThat(process.waitFor()).isZero();
    }

    /** Partial downloads in the cache. */
    static List<String> partials(Path cache) throws IOException {
        return names(cache.resolve(".partial"));
    }

    /** Adapters in the cache. */
    static List<String> cached(Path cache) throws IOException {
        return names(cache).stream().filter(name -> !name.startsWith(".")).toList();
    }

    private static List<String> names(Path folder) throws IOException {
        try (Stream<Path> children = Files.list(folder)) {
            return children.map(child -> child.getFileName().toString()).toList();
        }
    }
}
