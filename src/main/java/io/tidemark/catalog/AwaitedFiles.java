package io.tidemark.catalog;

import io.tidemark.adapter.AdapterLocation;
import io.tidemark.adapter.source.SourceException;
import io.tidemark.time.Time;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * The files of a version, and how long they have not come: from the first attempt until one succeeds, or fails for a
 * reason that lasts. Thread-safe.
 */
final class AwaitedFiles implements AdapterLocation {

    private final AdapterLocation source;
    private final Time time;
    private boolean awaited;
    private long since;
    private int attempts;
    private long endedNanos;

    AwaitedFiles(AdapterLocation source, Time time) {
        this.source = source;
        this.time = time;
    }

    @Override
    public CompletableFuture<Folder> hold() {
        CompletableFuture<Folder> folder = source.hold();
        synchronized (this) {
            attempts++;
            if (!awaited && !folder.isDone()) {
                awaited = true;
                since = time.nanoTime();
            }
        }
        folder.whenComplete((held, failure) -> ended(failure));
        return folder;
    }

    private synchronized void ended(Throwable failure) {
        attempts--;
        endedNanos = time.nanoTime();
        Throwable cause = failure instanceof CompletionException ? failure.getCause() : failure;
        if (failure == null || cause instanceof SourceException lasting && !lasting.isTemporary()) {
            awaited = false;
        }
    }

    /** Whether the files have not come yet, and are not late. */
    synchronized boolean isAwaited(Duration limit) {
        return awaited && time.nanosSince(since) <= limit.toNanos();
    }

    synchronized boolean isLate(Duration limit) {
        return awaited && time.nanosSince(since) > limit.toNanos();
    }

    /** Whether no attempt to get the files was made for this time, although they have not arrived. */
    synchronized boolean isDue(Duration pause) {
        return awaited && attempts == 0 && time.nanosSince(endedNanos) > pause.toNanos();
    }
}
