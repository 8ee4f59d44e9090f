package io.tidemark.adapter;

import java.util.List;
import java.util.concurrent.Executor;

/**
 * The memory that loaded adapters share: leases of those in it, the wait for room, and the freeing of those that had to
 * go. Its lock is the store's.
 */
final class AdapterRoom {

    private final Object lock;
    private final Residents residents;
    private final Executor freeing;
    private boolean closed;

    /** @param freeing the thread that loads and frees */
    AdapterRoom(Object lock, Residents residents, Executor freeing) {
        this.lock = lock;
        this.residents = residents;
        this.freeing = freeing;
    }

    /** Only under the lock. */
    AdapterLease lease(Resident resident) {
        resident.use();
        return new AdapterLease(resident.adapter(), () -> release(resident));
    }

    /**
     * Waits until so much more fits, and sends away whom it takes.
     *
     * @return false when no more is taken in, because the process ends
     */
    boolean await(long bytes) throws InterruptedException {
        while (true) {
            free();
            synchronized (lock) {
                if (closed || residents.fits(bytes)) {
                    return !closed;
                }
                residents.makeWay(bytes);
                if (!residents.hasAbandoned()) {
                    lock.wait();
                }
            }
        }
    }

    /** Frees who was sent away and is used no more. Takes milliseconds, which the engine's threads must not spend. */
    void free() {
        List<Resident> abandoned;
        synchronized (lock) {
            abandoned = residents.takeAbandoned();
        }
        abandoned.forEach(Resident::free);
        synchronized (lock) {
            abandoned.forEach(residents::freed);
        }
    }

    /** Ends the waiting. Only under the lock. */
    void close() {
        closed = true;
        lock.notifyAll();
    }

    /** Only under the lock. */
    boolean isClosed() {
        return closed;
    }

    /** Frees all, whoever may use them: when nothing runs any more. */
    void clear() {
        synchronized (lock) {
            residents.takeAll().forEach(Resident::free);
        }
    }

    private void release(Resident resident) {
        synchronized (lock) {
            resident.leave();
            lock.notifyAll();
            if (!closed && residents.hasAbandoned()) {
                freeing.execute(this::free);
            }
        }
    }
}
