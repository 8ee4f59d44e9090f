package io.tidemark.adapter.source;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Locks by name that the processes of a machine share. A lock is one byte of one file, at a position that its name
 * determines, so that no lock leaves a file behind. The locks of a process that dies are free.
 *
 * <p>The operating system counts a lock for the whole process, and drops all locks of a file as soon as the process
 * closes any channel of that file. Therefore there is one channel until {@link #close}, and threads of this process
 * exclude and count each other here. A process must not open the same file twice. Thread-safe; no call waits.
 */
final class CacheLocks implements AutoCloseable {

    /** A lock of this process, with the number of those who share it; 0 of them if it is exclusive. */
    private static final class Held {
        private final FileLock lock;
        private int readers;

        private Held(FileLock lock, int readers) {
            this.lock = lock;
            this.readers = readers;
        }
    }

    private final FileChannel channel;
    private final Map<Long, Held> held = new HashMap<>();

    CacheLocks(Path file) throws IOException {
        channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
    }

    /** The lock of a name alone; empty if anyone has it, in this process or another. */
    synchronized Optional<Runnable> tryExclusive(String name) throws IOException {
        long position = position(name);
        if (held.containsKey(position)) {
            return Optional.empty();
        }
        return tryLock(position, false).map(lock -> {
            held.put(position, new Held(lock, 0));
            return () -> release(position);
        });
    }

    /** The lock of a name together with others who share it; empty if someone has it alone. */
    synchronized Optional<Runnable> tryShared(String name) throws IOException {
        long position = position(name);
        Held present = held.get(position);
        if (present != null) {
            if (present.readers == 0) {
                return Optional.empty();
            }
            present.readers++;
            return Optional.of(() -> release(position));
        }
        return tryLock(position, true).map(lock -> {
            held.put(position, new Held(lock, 1));
            return () -> release(position);
        });
    }

    /** Frees all locks of this process. */
    @Override
    public synchronized void close() throws IOException {
        held.clear();
        channel.close();
    }

    private Optional<FileLock> tryLock(long position, boolean shared) throws IOException {
        try {
            return Optional.ofNullable(channel.tryLock(position, 1, shared));
        } catch (OverlappingFileLockException e) {
            return Optional.empty();
        }
    }

    private synchronized void release(long position) {
        Held lock = held.get(position);
        if (lock == null) {
            return;
        }
        if (lock.readers <= 1) {
            held.remove(position);
            try {
                lock.lock.release();
            } catch (IOException e) {
                // a lock that can't be released is one of a closed channel, which has none
                return;
            }
        } else {
            lock.readers--;
        }
    }

    /** Two names share a position with a probability of one in 2^62. */
    private static long position(String name) {
        return ByteBuffer.wrap(Sha256.of(name.getBytes(StandardCharsets.UTF_8))).getLong() >>> 2;
    }
}
