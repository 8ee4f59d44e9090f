package io.tidemark.adapter;

import java.util.concurrent.atomic.AtomicBoolean;

/** The right to run a loaded adapter: its memory stays until the lease is closed. Any thread may close it, more than once. */
public final class AdapterLease implements AutoCloseable {

    private final LoadedAdapter adapter;
    private final Runnable release;
    private final AtomicBoolean closed = new AtomicBoolean();

    AdapterLease(LoadedAdapter adapter, Runnable release) {
        this.adapter = adapter;
        this.release = release;
    }

    /** Its weights may be used until the lease is closed. */
    public LoadedAdapter adapter() {
        return adapter;
    }

    /** Returns at once; nothing is freed on the caller's thread. */
    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            release.run();
        }
    }
}
