package io.tidemark.adapter.source;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;

/**
 * The folder of downloaded adapters, which the processes of a machine share:
 *
 * <pre>
 * .lock                     the locks of CacheLocks
 * DIGEST/                   an adapter: appears whole, by a move of its folder
 * .partial/KEY/state        the source of a download, and the version of its file
 * .partial/KEY/files/       what it has so far
 * .evicted-ID/              an adapter that is being deleted
 * </pre>
 *
 * A lock with the name of a digest is shared by those who use the folder, and exclusive for the one who evicts it. A
 * lock with the name of a key is exclusive for the one who downloads. The time of a folder is that of its last use.
 * What was in the folder before this process is used only after its digest was computed once. Thread-safe.
 */
final class CacheFolder implements AutoCloseable {

    private static final String DIGEST = "[0-9a-f]{64}";
    private static final String PARTIAL = ".partial";
    private static final String EVICTED = ".evicted-";
    /** A partial download is deleted after this time. */
    private static final Duration PARTIAL_AGE = Duration.ofDays(1);
    /** The lock of a folder is exclusive only for the time of a move. */
    private static final Duration LOCK_POLL = Duration.ofMillis(5);

    private static final int LOCK_POLLS = 2_000;

    /** What can be evicted: an adapter or a partial download. */
    private record Entry(Path folder, String lock, long bytes, FileTime used) {
        boolean isAdapter() {
            return !lock.startsWith(PARTIAL);
        }
    }

    private final Path root;
    private final long maxBytes;
    private final AdapterFiles files;
    private final CacheLocks locks;
    private final LongAdder evictions = new LongAdder();
    /** The bytes that running downloads of this process may still write. */
    private long reserved;

    /** @throws IOException if the folder can't be created or written */
    CacheFolder(Path root, long maxBytes, AdapterFiles files) throws IOException {
        this.root = root.toAbsolutePath();
        this.maxBytes = maxBytes;
        this.files = files;
        Files.createDirectories(this.root.resolve(PARTIAL));
        this.locks = new CacheLocks(this.root.resolve(".lock"));
        removeRemains();
    }

    /** An adapter that is present and whole, held. One that is broken is removed. */
    Optional<HeldFolder> find(String digest) throws IOException {
        Path folder = root.resolve(digest);
        Optional<Runnable> lock = Files.isDirectory(folder) ? locks.tryShared(digest) : Optional.empty();
        if (lock.isEmpty()) {
            return Optional.empty();
        }
        Optional<HeldFolder> held = Optional.empty();
        try {
            if (isWhole(folder, digest)) {
                held = Optional.of(held(folder, digest, lock.get()));
                return held;
            }
        } finally {
            if (held.isEmpty()) {
                lock.get().run();
            }
        }
        remove(new Entry(folder, digest, 0, FileTime.from(Instant.EPOCH)));
        return Optional.empty();
    }

    /** Begins or continues a download; empty while anyone else, in this process or another, has the key. */
    Optional<PartialFolder> begin(String key) throws IOException {
        Optional<Runnable> lock = locks.tryExclusive(PARTIAL + key);
        if (lock.isEmpty()) {
            return Optional.empty();
        }
        try {
            return Optional.of(PartialFolder.open(root.resolve(PARTIAL).resolve(key), lock.get()));
        } catch (IOException e) {
            lock.get().run();
            throw e;
        }
    }

    /** Moves a downloaded adapter to its place, and holds it. One that is there already stays. */
    HeldFolder keep(PartialFolder partial, String digest) throws IOException {
        Runnable lock = share(digest);
        Path folder = root.resolve(digest);
        boolean kept = false;
        try {
            if (!Files.isDirectory(folder) && move(partial.files(), folder)) {
                files.verified(folder, digest);
            }
            if (!isWhole(folder, digest)) {
                throw new IOException(folder + " is broken and in use; remove it");
            }
            partial.discard();
            kept = true;
            return held(folder, digest, lock);
        } finally {
            if (!kept) {
                lock.run();
            }
        }
    }

    /** Space for a download that begins. Other downloads can't count on it until it is closed. */
    synchronized Space reserve(long bytes) throws IOException {
        reserved += bytes;
        try {
            makeRoom();
        } catch (IOException | RuntimeException e) {
            reserved -= bytes;
            throw e;
        }
        return () -> {
            synchronized (this) {
                reserved -= bytes;
            }
        };
    }

    /** Space that is reserved. */
    @FunctionalInterface
    interface Space extends AutoCloseable {
        @Override
        void close();
    }

    /**
     * Evicts adapters and partial downloads that are not in use, the least recently used first, until the reserved
     * bytes fit. What running downloads have written counts twice, so that it may evict more than needed.
     */
    synchronized void makeRoom() throws IOException {
        removeRemains();
        List<Entry> entries = entries();
        long used = entries.stream().mapToLong(Entry::bytes).sum();
        entries.sort(Comparator.comparing(Entry::used));
        for (Entry entry : entries) {
            if (used + reserved <= maxBytes) {
                return;
            }
            if (remove(entry)) {
                used -= entry.bytes();
                if (entry.isAdapter()) {
                    evictions.increment();
                }
            }
        }
    }

    /** The sizes of all adapters, without partial downloads. */
    List<Long> sizes() throws IOException {
        return entries().stream().filter(Entry::isAdapter).map(Entry::bytes).toList();
    }

    /** How many adapters this process has evicted. */
    long evictions() {
        return evictions.sum();
    }

    /** Gives up all holds. */
    @Override
    public void close() throws IOException {
        locks.close();
    }

    private HeldFolder held(Path folder, String digest, Runnable lock) throws IOException {
        touch(folder);
        return new HeldFolder(folder, digest, AdapterFiles.bytes(folder), () -> {
            touch(folder);
            lock.run();
        });
    }

    private boolean isWhole(Path folder, String digest) {
        try {
            return files.digest(folder).equals(digest);
        } catch (IOException e) {
            return false;
        }
    }

    private Runnable share(String digest) throws IOException {
        for (int poll = 0; poll < LOCK_POLLS; poll++) {
            Optional<Runnable> lock = locks.tryShared(digest);
            if (lock.isPresent()) {
                return lock.get();
            }
            LockSupport.parkNanos(LOCK_POLL.toNanos());
        }
        throw new IOException("the lock of " + root.resolve(digest) + " stays taken");
    }

    /** Whether the folder was moved; {@code false} if another process has moved the same adapter there. */
    private boolean move(Path from, Path to) throws IOException {
        try {
            Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
        } catch (FileSystemException e) {
            if (Files.isDirectory(to)) {
                return false;
            }
            throw e;
        }
        try (FileChannel folder = FileChannel.open(root, StandardOpenOption.READ)) {
            folder.force(true);
        }
        return true;
    }

    /** Removes a folder that nobody uses; {@code false} if someone does, or if this process may not remove it. */
    private boolean remove(Entry entry) throws IOException {
        Optional<Runnable> lock = locks.tryExclusive(entry.lock());
        if (lock.isEmpty()) {
            return false;
        }
        Path evicted = root.resolve(EVICTED + UUID.randomUUID());
        try {
            Files.move(entry.folder(), evicted, StandardCopyOption.ATOMIC_MOVE);
        } catch (NoSuchFileException e) {
            return true;
        } catch (IOException e) {
            return false;
        } finally {
            lock.get().run();
        }
        delete(evicted);
        return true;
    }

    /** What can't be deleted now is tried again before the next download. */
    private static void delete(Path evicted) {
        try {
            PartialFolder.delete(evicted);
        } catch (IOException e) {
            return;
        }
    }

    /** Removes old partial downloads, and folders whose process died while it deleted them. */
    private void removeRemains() throws IOException {
        FileTime old = FileTime.from(Instant.now().minus(PARTIAL_AGE));
        for (Entry entry : partials()) {
            if (entry.used().compareTo(old) < 0) {
                remove(entry);
            }
        }
        try (DirectoryStream<Path> evicted = Files.newDirectoryStream(root, EVICTED + "*")) {
            for (Path folder : evicted) {
                delete(folder);
            }
        }
    }

    private List<Entry> entries() throws IOException {
        List<Entry> entries = partials();
        try (DirectoryStream<Path> folders = Files.newDirectoryStream(root)) {
            for (Path folder : folders) {
                String name = folder.getFileName().toString();
                if (name.matches(DIGEST)) {
                    entry(folder, folder, name).ifPresent(entries::add);
                }
            }
        }
        return entries;
    }

    private List<Entry> partials() throws IOException {
        List<Entry> entries = new ArrayList<>();
        try (DirectoryStream<Path> folders = Files.newDirectoryStream(root.resolve(PARTIAL))) {
            for (Path folder : folders) {
                entry(folder, folder.resolve("files"), PARTIAL + folder.getFileName())
                        .ifPresent(entries::add);
            }
        }
        return entries;
    }

    /** Empty for what is no folder, and for one that another process removes at this moment. */
    private static Optional<Entry> entry(Path folder, Path content, String lock) {
        if (!Files.isDirectory(folder)) {
            return Optional.empty();
        }
        long bytes = 0;
        try (DirectoryStream<Path> children = Files.newDirectoryStream(content)) {
            for (Path child : children) {
                bytes += child.toFile().length();
            }
        } catch (IOException | DirectoryIteratorException e) {
            // a process that died before it had files, or after it moved them, leaves none
            bytes = 0;
        }
        try {
            return Optional.of(new Entry(folder, lock, bytes, Files.getLastModifiedTime(folder)));
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    /** A failure makes the folder appear older, and does no other harm. */
    private static void touch(Path folder) {
        try {
            Files.setLastModifiedTime(folder, FileTime.from(Instant.now()));
        } catch (IOException e) {
            return;
        }
    }
}
