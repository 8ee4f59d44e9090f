package io.tidemark.adapter.source;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

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
        if (!isFile(weights) || !isFile(state())) {
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
        Files.deleteIfExists(state());
        if (version.isPresent()) {
            Files.write(state(), List.of(source.toString(), version.get()), StandardOpenOption.CREATE_NEW);
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
        Files.walkFileTree(folder, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Files.deleteIfExists(file);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path file, IOException failure) throws IOException {
                if (failure instanceof NoSuchFileException) {
                    return FileVisitResult.CONTINUE;
                }
                throw failure;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path directory, IOException failure) throws IOException {
                Files.deleteIfExists(directory);
                return FileVisitResult.CONTINUE;
            }
        });
    }

    private static boolean isFile(Path file) {
        return Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS);
    }

    private Path state() {
        return folder.resolve("state");
    }
}
