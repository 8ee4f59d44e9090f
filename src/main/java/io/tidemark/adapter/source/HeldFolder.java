package io.tidemark.adapter.source;

import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A folder with {@code adapter_config.json} and {@code adapter_model.safetensors}, which stays where it is until it is
 * closed: no process of the machine evicts it. Thread-safe; a second close does nothing.
 */
public final class HeldFolder implements AutoCloseable {

    private final Path path;
    private final String digest;
    private final long bytes;
    private final Runnable release;
    private final AtomicBoolean closed = new AtomicBoolean();

    HeldFolder(Path path, String digest, long bytes, Runnable release) {
        this.path = path;
        this.digest = digest;
        this.bytes = bytes;
        this.release = release;
    }

    /** The folder. A {@code file:} source is served in place, so other files may be beside the two. */
    public Path path() {
        return path;
    }

    /** SHA-256 in hex over the bytes of the config, then of the weights file. */
    public String digest() {
        return digest;
    }

    /** The size of both files. */
    public long bytes() {
        return bytes;
    }

    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            release.run();
        }
    }
}
