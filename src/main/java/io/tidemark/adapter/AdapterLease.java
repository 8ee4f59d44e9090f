package io.tidemark.adapter;

import java.util.concurrent.atomic.AtomicBoolean;

/** Keeps a loaded adapter in memory until it is closed. May be closed by any thread, and more than once. */
public final class AdapterLease implements AutoCloseable {

    private final LoadedAdapter adapter;
    private final Runnable release;
    private final AtomicBoolean closed = new AtomicBoolean();

    AdapterLease(LoadedAdapter adapter, Runnable release) {
        this.adapter = adapter;
        this.release = release;
    }

    /** The adapter, whose weights may be used until the lease is closed. */
    public LoadedAdapter adapter() {
        return adapter;
    }

    /** Returns at once; memory is freed on another thread. */
    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            release.run();
        }
    }
}
