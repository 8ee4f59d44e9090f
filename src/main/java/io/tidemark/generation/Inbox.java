package io.tidemark.generation;

import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/** Work that other threads hand over to the thread of an engine instance, which alone takes it. */
final class Inbox {

    private final BlockingQueue<Runnable> work = new LinkedBlockingQueue<>();
    private volatile boolean closed;

    /** @throws IllegalStateException when the inbox is closed */
    synchronized void add(Runnable next) {
        if (closed) {
            throw new IllegalStateException("the engine is closed");
        }
        work.add(next);
    }

    /** Lets {@link #runNext} return, if the inbox is open. */
    synchronized void wake() {
        if (!closed && work.isEmpty()) {
            work.add(() -> {});
        }
    }

    /** Takes no more, and wakes who waits; what is here can still be run. */
    synchronized void close() {
        closed = true;
        work.add(() -> {});
    }

    boolean isClosed() {
        return closed;
    }

    /** Runs all that is here. */
    void runAll() {
        for (Runnable next = work.poll(); next != null; next = work.poll()) {
            next.run();
        }
    }

    /** Waits for work and runs it, unless the inbox is closed; an interrupt closes it. */
    void runNext() {
        try {
            // what wakes this thread when the inbox closes may have been run already
            if (!closed) {
                work.take().run();
            }
        } catch (InterruptedException e) {
            close();
        }
    }
}
