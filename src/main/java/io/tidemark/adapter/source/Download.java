package io.tidemark.adapter.source;

import io.tidemark.adapter.source.SourceException.Failure;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;

/**
 * One attempt to download an adapter to a partial folder: first the config, then the weights file, from where an
 * earlier attempt ended. The bytes are counted and hashed while they arrive. {@link #run} is called once, by the thread
 * that downloads; {@link #watch} and {@link #abort} by any thread.
 */
final class Download {

    /** Far more than any config has; a server could otherwise send one without end. */
    private static final long MAX_CONFIG_BYTES = 16L << 20;
    /** A connection that brings nothing for this time is broken. */
    private static final Duration STALL = Duration.ofSeconds(30);

    private static final int BUFFER_BYTES = 1 << 16;

    /**
     * What a download may use.
     *
     * @param deadline as {@link System#nanoTime} gives it
     * @param received counts the bytes that arrive
     */
    record Limits(long maxBytes, long deadline, Duration time, LongAdder received) {}

    /** @param resumed whether a part of the bytes is from an earlier attempt */
    record Result(String digest, boolean resumed) {}

    private final AdapterSource source;
    private final Remote remote;
    private final PartialFolder partial;
    private final CacheFolder cache;
    private final Disk disk;
    private final Limits limits;

    private long bytes;
    private boolean resumed;
    /** When the read began that waits for the server. */
    private volatile long readBegin;

    private volatile boolean reading;
    private Optional<Remote.File> open = Optional.empty();
    private Optional<SourceException> aborted = Optional.empty();

    Download(AdapterSource source, Remote remote, PartialFolder partial, CacheFolder cache, Disk disk, Limits limits) {
        this.source = source;
        this.remote = remote;
        this.partial = partial;
        this.cache = cache;
        this.disk = disk;
        this.limits = limits;
    }

    /** @throws SourceException if the files could not be downloaded; what has arrived stays in the partial folder */
    Result run() {
        try {
            Sha256 digest = new Sha256();
            file(AdapterFiles.CONFIG, Optional.empty(), Math.min(MAX_CONFIG_BYTES, limits.maxBytes()), digest);
            file(AdapterFiles.WEIGHTS, partial.resume(source), limits.maxBytes(), digest);
            return new Result(digest.hex(), resumed);
        } catch (SourceException e) {
            throw cause().orElse(e);
        } catch (IOException e) {
            throw cause().orElseGet(() -> Disk.failure(source, e));
        }
    }

    /** Ends the download if it is beyond its time, or if nothing arrives. */
    void watch() {
        long now = System.nanoTime();
        if (now - limits.deadline() >= 0) {
            abort(tooSlow());
        } else if (reading && now - readBegin > STALL.toNanos()) {
            abort(failure(
                    Failure.UNREACHABLE, "sends nothing for " + STALL.toSeconds() + " s; check the server", null));
        }
    }

    /** Ends the download, whose {@link #run} throws this exception. Returns at once. */
    synchronized void abort(SourceException cause) {
        if (aborted.isEmpty()) {
            aborted = Optional.of(cause);
            // some connections can't be closed before the read of another thread ends
            open.ifPresent(file -> {
                Thread thread = new Thread(file::close, "tidemark-download-end");
                thread.setDaemon(true);
                thread.start();
            });
        }
    }

    /** Reads a file into the digest of the adapter and to the disk. */
    private void file(String name, Optional<Remote.Resume> resume, long maxBytes, Sha256 digest) throws IOException {
        Path path = partial.files().resolve(name);
        try (Remote.File file = opened(name, resume)) {
            if (file.size().isPresent() && file.size().getAsLong() > maxBytes - bytes) {
                throw tooLarge(name, maxBytes);
            }
            Sha256 own = new Sha256();
            List<Sha256> digests = file.sha256().isPresent() ? List.of(digest, own) : List.of(digest);
            long rest = Math.max(0, file.size().orElse(0) - file.offset());
            try (CacheFolder.Space space = cache.reserve(rest);
                    Disk.Output out = disk.open(path, file.offset())) {
                // not before the bytes of another version are gone
                if (name.equals(AdapterFiles.WEIGHTS)) {
                    partial.begin(source, file.version());
                }
                if (file.offset() > 0) {
                    resumed = true;
                    for (Sha256 each : digests) {
                        each.update(path);
                    }
                }
                bytes += copy(file, name, out, maxBytes, digests);
                out.sync();
            }
            if (file.sha256().stream().anyMatch(expected -> !expected.equals(own.hex()))) {
                partial.discard();
                throw resumed
                        ? failure(
                                Failure.TRUNCATED,
                                "sends another " + name + " than the one of which an earlier download left a part;"
                                        + " the part is removed",
                                null)
                        : failure(
                                Failure.WRONG_DIGEST,
                                "sends " + name
                                        + " with another digest than its manifest names; push the adapter again",
                                null);
            }
        }
    }

    /** Returns the size of the file. */
    private long copy(Remote.File file, String name, Disk.Output out, long maxBytes, List<Sha256> digests)
            throws IOException {
        byte[] buffer = new byte[BUFFER_BYTES];
        long end = file.offset();
        for (int read = read(file.body(), name, buffer); read >= 0; read = read(file.body(), name, buffer)) {
            limits.received().add(read);
            end += read;
            if (bytes + end > maxBytes) {
                throw tooLarge(name, maxBytes);
            }
            for (Sha256 digest : digests) {
                digest.update(buffer, read);
            }
            out.write(buffer, read);
            if (System.nanoTime() - limits.deadline() >= 0) {
                throw tooSlow();
            }
        }
        Optional<SourceException> cause = cause();
        if (cause.isPresent()) {
            throw cause.get();
        }
        if (file.size().isPresent() && end != file.size().getAsLong()) {
            throw truncated(name, null);
        }
        return end;
    }

    private int read(InputStream body, String name, byte[] buffer) {
        readBegin = System.nanoTime();
        reading = true;
        try {
            return body.read(buffer);
        } catch (IOException e) {
            throw truncated(name, e);
        } finally {
            reading = false;
        }
    }

    private Remote.File opened(String name, Optional<Remote.Resume> resume) {
        Remote.File file;
        try {
            file = remote.open(name, resume, remaining());
        } catch (SourceException e) {
            throw name.equals(AdapterFiles.WEIGHTS) && e.failure() == Failure.NOT_FOUND && hasPickle()
                    ? AdapterFiles.onlyPickle(source)
                    : e;
        } catch (IOException e) {
            remaining();
            throw failure(Failure.UNREACHABLE, "can't be reached (" + e + "); check the server and the network", e);
        }
        synchronized (this) {
            open = Optional.of(file);
            if (aborted.isPresent()) {
                file.close();
                throw aborted.get();
            }
        }
        return file;
    }

    private boolean hasPickle() {
        try {
            return remote.has(AdapterFiles.PICKLE, remaining());
        } catch (IOException | SourceException e) {
            return false;
        }
    }

    /** The time for an answer of the server. */
    private Duration remaining() {
        long left = limits.deadline() - System.nanoTime();
        if (left <= 0) {
            throw tooSlow();
        }
        return Duration.ofNanos(Math.min(Math.max(left, TimeUnit.MILLISECONDS.toNanos(1)), STALL.toNanos()));
    }

    private synchronized Optional<SourceException> cause() {
        return aborted;
    }

    private SourceException tooSlow() {
        return failure(
                Failure.TOO_SLOW,
                "did not send the adapter within " + limits.time().toSeconds()
                        + " s; check the network, or raise tidemark.sources.download-time",
                null);
    }

    private SourceException tooLarge(String name, long maxBytes) {
        return failure(
                Failure.TOO_LARGE,
                "has more than " + maxBytes + " bytes up to the end of " + name + "; "
                        + (name.equals(AdapterFiles.CONFIG)
                                ? "check that this is the config of a PEFT adapter"
                                : "raise tidemark.sources.adapter-bytes if the adapter is meant to be so large"),
                null);
    }

    private SourceException truncated(String name, IOException cause) {
        return failure(
                Failure.TRUNCATED, "ended the connection before the end of " + name + "; check the server", cause);
    }

    private SourceException failure(Failure failure, String problem, IOException cause) {
        return new SourceException(failure, "source '" + source + "' " + problem, cause);
    }
}
