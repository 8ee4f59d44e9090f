package io.tidemark.adapter.source;

import static io.tidemark.adapter.source.OpenSources.assertHas;
import static io.tidemark.adapter.source.OpenSources.failure;
import static io.tidemark.adapter.source.OpenSources.get;
import static io.tidemark.adapter.source.OpenSources.hub;
import static io.tidemark.adapter.source.OpenSources.path;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.adapter.source.SourceException.Failure;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("The cache folder")
class CacheFolderTest {

    private static final int BYTES = 100_000;

    @TempDir
    Path cache;

    private final FileServer server = new FileServer();

    @AfterEach
    void close() {
        server.close();
    }

    @Test
    @DisplayName("Evicts the least recently used adapter, and never one that is held; the end of a hold is a use")
    void evicts() throws Exception {
        try (AdapterFolders folders = sources().cacheBytes(3 * BYTES + 1_000).open()) {
            HeldFolder held = get(folders.hold(served(1), digest(1)));
            get(folders.hold(served(2), digest(2))).close();
            get(folders.hold(served(3), digest(3))).close();
            get(folders.hold(served(2), digest(2))).close();
            get(folders.hold(served(4), digest(4))).close();
            assertThat(OpenSources.cached(cache)).containsExactlyInAnyOrder(digest(1), digest(2), digest(4));
            assertThat(folders.stats().evictions()).isEqualTo(1);
            assertHas(held, adapter(1));
            held.close();
            get(folders.hold(served(2), digest(2))).close();
            get(folders.hold(served(3), digest(3))).close();
            assertThat(OpenSources.cached(cache)).containsExactlyInAnyOrder(digest(1), digest(2), digest(3));
        }
    }

    @Test
    @DisplayName("Grows above its limit if all adapters are held, and shrinks with the next download")
    void allHeld() throws Exception {
        try (AdapterFolders folders = sources().cacheBytes(BYTES).open()) {
            HeldFolder first = get(folders.hold(served(1), digest(1)));
            HeldFolder second = get(folders.hold(served(2), digest(2)));
            assertHas(first, adapter(1));
            assertHas(second, adapter(2));
            first.close();
            first.close();
            second.close();
            try (HeldFolder third = get(folders.hold(served(3), digest(3)))) {
                assertThat(OpenSources.cached(cache)).containsExactly(digest(3));
                assertHas(third, adapter(3));
            }
        }
    }

    @Test
    @DisplayName("An adapter that is held twice stays until both holds are closed")
    void countsHolds() throws Exception {
        try (AdapterFolders folders = sources().cacheBytes(0).open()) {
            HeldFolder first = get(folders.hold(served(1), digest(1)));
            HeldFolder second = get(folders.hold(served(1), digest(1)));
            first.close();
            get(folders.hold(served(2), digest(2)));
            assertThat(OpenSources.cached(cache)).contains(digest(1));
            second.close();
            get(folders.hold(served(3), digest(3)));
            assertThat(OpenSources.cached(cache)).doesNotContain(digest(1));
        }
    }

    @Test
    @DisplayName("Of an earlier process is used after its digest was computed; a broken adapter is downloaded again")
    void broken() throws Exception {
        for (String name : AdapterFiles.NAMES) {
            try (AdapterFolders folders = sources().open()) {
                get(folders.hold(served(1), digest(1)));
            }
            Path file = cache.resolve(digest(1)).resolve(name);
            byte[] bytes = Files.readAllBytes(file);
            bytes[0]++;
            Files.write(file, bytes);
        }
        try (AdapterFolders folders = sources().open()) {
            assertHas(get(folders.hold(served(1), digest(1))), adapter(1));
            assertThat(folders.stats().downloaded()).isEqualTo(1);
            assertThat(folders.stats().evictions()).isZero();
        }
    }

    @Test
    @DisplayName("Has no folder with a part of the files: one that misses a file is downloaded again")
    void missing() throws Exception {
        try (AdapterFolders folders = sources().open()) {
            get(folders.hold(served(1), digest(1)));
        }
        Files.delete(cache.resolve(digest(1)).resolve(AdapterFiles.WEIGHTS));
        try (AdapterFolders folders = sources().open()) {
            assertHas(get(folders.hold(served(1), digest(1))), adapter(1));
        }
    }

    @Test
    @DisplayName("A full disk fails the download, frees what it had, and leaves what is cached usable")
    void diskFull() throws Exception {
        AtomicLong free = new AtomicLong(BYTES + 1_000);
        Disk system = Disk.system();
        Disk small = (path, offset) -> {
            Disk.Output file = system.open(path, offset);
            return new Disk.Output() {
                @Override
                public void write(byte[] bytes, int length) throws IOException {
                    if (free.addAndGet(-length) < 0) {
                        throw new IOException("No space left on device");
                    }
                    file.write(bytes, length);
                }

                @Override
                public void sync() throws IOException {
                    file.sync();
                }

                @Override
                public void close() throws IOException {
                    file.close();
                }
            };
        };
        try (AdapterFolders folders =
                sources().time(Duration.ofSeconds(3)).disk(small).open()) {
            get(folders.hold(served(1), digest(1))).close();
            assertThat(failure(folders.hold(served(2), digest(2)), Failure.DISK_FULL)
                            .isTemporary())
                    .isTrue();
            assertHas(get(folders.hold(served(1), digest(1))), adapter(1));
            assertThat(OpenSources.partials(cache)).isEmpty();
            free.set(1L << 30);
            assertHas(get(folders.hold(served(2), digest(2))), adapter(2));
        }
    }

    @Test
    @DisplayName("Loses partial downloads that are a day old, and folders that a process did not finish to delete")
    void remains() throws Exception {
        Path old = Files.createDirectories(cache.resolve(".partial/old/files")).getParent();
        Path recent =
                Files.createDirectories(cache.resolve(".partial/recent/files")).getParent();
        Files.setLastModifiedTime(old, FileTime.from(Instant.now().minus(Duration.ofHours(25))));
        Files.setLastModifiedTime(recent, FileTime.from(Instant.now().minus(Duration.ofHours(23))));
        Path moved = Files.createDirectories(cache.resolve(".partial/moved"));
        Files.writeString(moved.resolve("state"), "");
        Files.setLastModifiedTime(moved, FileTime.from(Instant.now().minus(Duration.ofHours(25))));
        adapter(1).write(cache.resolve(".evicted-1"));
        sources().open().close();
        assertThat(OpenSources.partials(cache)).containsExactly("recent");
        assertThat(cache.resolve(".evicted-1")).doesNotExist();
    }

    @Test
    @DisplayName("Is used although it has files where folders are expected")
    void strayFiles() throws Exception {
        Files.createDirectories(cache.resolve(".partial"));
        Files.writeString(cache.resolve(".partial/stray"), "");
        Files.writeString(cache.resolve(digest(2)), "");
        try (AdapterFolders folders = sources().open()) {
            assertHas(get(folders.hold(served(1), digest(1))), adapter(1));
            failure(folders.hold(served(2), digest(2)), Failure.UNREADABLE);
            assertThat(folders.stats().cachedFolders()).isEqualTo(1);
        }
    }

    @Test
    @DisplayName("An adapter with a pipe in place of a file is downloaded again")
    void pipe() throws Exception {
        Path folder = adapter(1).write(cache.resolve(digest(1)));
        OpenSources.replaceByPipe(folder.resolve(AdapterFiles.CONFIG));
        try (AdapterFolders folders = sources().open()) {
            assertHas(get(folders.hold(served(1), digest(1))), adapter(1));
        }
    }

    @Test
    @DisplayName("A link in a partial download is replaced, and the file that it names stays as it is")
    void links() throws Exception {
        Path partial = Files.createDirectories(cache.resolve(".partial").resolve(digest(1)));
        Path outside = Files.writeString(cache.resolve("outside"), "unchanged");
        Files.createDirectories(partial.resolve("files"));
        for (String name : new String[] {"state", "files/" + AdapterFiles.CONFIG, "files/" + AdapterFiles.WEIGHTS}) {
            Files.createSymbolicLink(partial.resolve(name), outside);
        }
        try (AdapterFolders folders = sources().open()) {
            assertHas(get(folders.hold(served(1), digest(1))), adapter(1));
        }
        assertThat(outside).hasContent("unchanged");
    }

    @Test
    @DisplayName("Processes may delete the same folder at the same time")
    void deletedTwice() throws Exception {
        for (int round = 0; round < 5; round++) {
            Path folder = Files.createDirectory(cache.resolve(".evicted-" + round));
            for (int file = 0; file < 500; file++) {
                Files.createFile(folder.resolve("file-" + file));
            }
            CyclicBarrier together = new CyclicBarrier(2);
            List<CompletableFuture<Void>> deleted = Stream.generate(() -> CompletableFuture.runAsync(() -> {
                        try {
                            together.await();
                            PartialFolder.delete(folder);
                        } catch (Exception e) {
                            throw new CompletionException(e);
                        }
                    }))
                    .limit(2)
                    .toList();
            for (CompletableFuture<Void> each : deleted) {
                assertThat(each).succeedsWithin(Duration.ofMinutes(1));
            }
            assertThat(folder).doesNotExist();
        }
    }

    @Test
    @DisplayName("A download that another process does not end fails at the end of the time")
    void lockedForever() throws Exception {
        Files.createDirectories(cache);
        try (CacheLocks other = new CacheLocks(cache.resolve(".lock"));
                AdapterFolders folders = sources().time(Duration.ofSeconds(1)).open()) {
            assertThat(other.tryExclusive(".partial" + digest(1))).isPresent();
            failure(folders.hold(served(1), digest(1)), Failure.TOO_SLOW);
        }
    }

    @Test
    @DisplayName("Reserves the space of a download until it ends")
    void reserves() throws Exception {
        AdapterFiles files = new AdapterFiles();
        try (CacheFolder folder = new CacheFolder(cache, 3 * BYTES, files)) {
            adapter(1).write(cache.resolve(digest(1)));
            CacheFolder.Space first = folder.reserve(BYTES);
            assertThat(OpenSources.cached(cache)).containsExactly(digest(1));
            folder.reserve(BYTES);
            assertThat(OpenSources.cached(cache)).isEmpty();
            first.close();
            adapter(2).write(cache.resolve(digest(2)));
            folder.makeRoom();
            assertThat(OpenSources.cached(cache)).containsExactly(digest(2));
        }
    }

    @Test
    @DisplayName("Evicts what is left of a download, too")
    void evictsPartial() throws Exception {
        Path left = Files.createDirectories(cache.resolve(".partial/left/files"));
        Files.write(left.resolve(AdapterFiles.WEIGHTS), new byte[BYTES]);
        try (AdapterFolders folders = sources().cacheBytes(BYTES + 1_000).open()) {
            get(folders.hold(served(1), digest(1)));
            assertThat(OpenSources.partials(cache)).isEmpty();
            assertThat(folders.stats().evictions()).isZero();
        }
    }

    private OpenSources sources() {
        return new OpenSources(cache).server(server);
    }

    private AdapterSource served(int number) {
        server.put(path("a" + number), adapter(number));
        return hub("a" + number);
    }

    private static AdapterBytes adapter(int number) {
        return AdapterBytes.of(number, BYTES);
    }

    private static String digest(int number) {
        return adapter(number).digest();
    }
}
