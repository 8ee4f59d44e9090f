package io.tidemark.adapter.source;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * What a download has so far. It outlives its process, so that a later download of the same adapter goes on with the
 * weights file if the source and the version of the file are the same. Used by the thread that downloads.
 */
final class PartialFolder implements AutoCloseable {

    private final Path folder;
    private final Runnable release;

    private PartialFolder(Path folder, Runnable release) {
        this.folder = folder;
        this.release = release;
    }

    /** @param release frees the lock of the folder */
    static PartialFolder open(Path folder, Runnable release) throws IOException {
        Files.createDirectories(folder.resolve("files"));
        Files.setLastModifiedTime(folder, FileTime.from(Instant.now()));
        return new PartialFolder(folder, release);
    }

    /** The folder that becomes that of the adapter. */
    Path files() {
        return folder.resolve("files");
    }

    /**
     * Where a download of the weights file goes on. The last byte is read again, so that there is always something to
     * ask for.
     */
    Optional<Remote.Resume> resume(AdapterSource source) throws IOException {
        Path weights = files().resolve(AdapterFiles.WEIGHTS);
        if (!Files.exists(weights) || !Files.exists(state())) {
            return Optional.empty();
        }
        List<String> lines = Files.readAllLines(state());
        long offset = Files.size(weights) - 1;
        return lines.size() == 2 && lines.get(0).equals(source.toString()) && offset > 0
                ? Optional.of(new Remote.Resume(offset, lines.get(1)))
                : Optional.empty();
    }

    /** Sets the source and the version of the bytes that follow; without a version they are of no use later. */
    void begin(AdapterSource source, Optional<String> version) throws IOException {
        if (version.isPresent()) {
            Files.write(state(), List.of(source.toString(), version.get()));
        } else {
            Files.deleteIfExists(state());
        }
    }

    /** Deletes what there is. */
    void discard() throws IOException {
        delete(folder);
    }

    /** Leaves what there is for a later download. */
    @Override
    public void close() {
        release.run();
    }

    /** Deletes a folder with all that is in it; another process may do the same. */
    static void delete(Path folder) throws IOException {
        try (Stream<Path> tree = Files.walk(folder)) {
            for (Path path : tree.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
        } catch (NoSuchFileException | UncheckedIOException e) {
            if (Files.exists(folder)) {
                throw new IOException("can't delete " + folder, e);
            }
        }
    }

    private Path state() {
        return folder.resolve("state");
    }
}
