package io.tidemark.adapter;

import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/**
 * Adapters in memory under a byte budget. Waits for room, loads and frees on its own thread, one adapter at a time, so
 * that neither the engine nor a caller ever stands still for it.
 */
final class AdapterMemory implements AutoCloseable {

    private static final long REMEMBER_REFUSALS_NANOS = TimeUnit.SECONDS.toNanos(30);
    private static final long CLOSE_SECONDS = 60;

    private final AdapterLoader loader;
    private final long budget;
    private final ExecutorService thread = Executors.newSingleThreadExecutor(AdapterMemory::newThread);
    private final Object lock = new Object();
    private final Residents residents;
    private final LoadCounts counts = new LoadCounts();
    private double perFileByte = 1;
    private boolean closed;

    AdapterMemory(AdapterLoader loader, long budget) {
        this.loader = loader;
        this.budget = budget;
        this.residents = new Residents(budget);
    }

    CompletableFuture<AdapterLease> lease(Registration adapter) {
        synchronized (lock) {
            Optional<Resident> resident = residents.find(adapter.id());
            counts.asked(resident.isPresent());
            if (resident.isPresent()) {
                return CompletableFuture.completedFuture(leaseOf(resident.get()));
            }
            Optional<AdapterRefused> refused = closed ? Optional.of(refusedByClosing(adapter))
                    : adapter.refusedSince(System.nanoTime() - REMEMBER_REFUSALS_NANOS);
            if (refused.isPresent()) {
                return CompletableFuture.failedFuture(refused.get());
            }
            CompletableFuture<AdapterLease> waiter = new CompletableFuture<>();
            if (adapter.join(waiter)) {
                thread.execute(() -> load(adapter));
            }
            return waiter;
        }
    }

    Optional<String> digest(Registration adapter) {
        synchronized (lock) {
            return adapter.digest();
        }
    }

    AdapterFigures figures(int registered) {
        synchronized (lock) {
            return counts.with(registered, residents);
        }
    }

    /** @throws AdapterRefused when the budget could never hold so much */
    void requireRoom(Registration adapter, long bytes) {
        if (bytes > budget) {
            throw AdapterRefused.broken(adapter.folder(), "takes " + bytes + " bytes, more than the " + budget
                    + " that all adapters may take together (tidemark.engine.adapter-bytes)");
        }
    }

    private void load(Registration adapter) {
        try {
            // a guess may be too large, and says nothing against the adapter
            requireRoom(adapter, adapter.bytes(1));
            waitForRoom(adapter, Math.min(budget, guess(adapter)));
            long begun = System.nanoTime();
            LoadedAdapter loaded = loader.load(adapter.id(), adapter.folder());
            requireRoom(adapter, loaded);
            arrived(adapter, loaded, System.nanoTime() - begun);
            free();
        } catch (AdapterRefused e) {
            refuse(adapter, e);
        } catch (InterruptedException | RuntimeException | Error e) {
            // nobody else would ever tell those that wait
            refuse(adapter, AdapterRefused.broken(adapter.folder(), "could not be loaded: " + e.getMessage(), e));
        }
    }

    private void requireRoom(Registration adapter, LoadedAdapter loaded) {
        try {
            requireRoom(adapter, loaded.weights().bytes());
        } catch (AdapterRefused e) {
            loaded.weights().close();
            throw e;
        }
    }

    private long guess(Registration adapter) {
        synchronized (lock) {
            return adapter.bytes(perFileByte);
        }
    }

    private void waitForRoom(Registration adapter, long bytes) throws InterruptedException {
        while (true) {
            free();
            synchronized (lock) {
                if (closed) {
                    throw refusedByClosing(adapter);
                }
                if (residents.fits(bytes)) {
                    return;
                }
                residents.makeWay(bytes);
                if (!residents.hasAbandoned()) {
                    lock.wait();
                }
            }
        }
    }

    private void arrived(Registration adapter, LoadedAdapter loaded, long nanos) {
        Resident resident = new Resident(loaded);
        List<CompletableFuture<AdapterLease>> waiting;
        List<AdapterLease> leases;
        synchronized (lock) {
            counts.loaded(nanos);
            adapter.loaded(loaded);
            perFileByte = Math.max(perFileByte, (double) resident.bytes() / adapter.fileBytes());
            residents.add(resident);
            waiting = adapter.takeWaiting();
            leases = waiting.stream().map(waiter -> leaseOf(resident)).toList();
            // the size was a guess before the first load, so others may have to go only now
            residents.makeWay(0);
        }
        for (int i = 0; i < leases.size(); i++) {
            // a waiter that has given up takes no lease
            if (!waiting.get(i).complete(leases.get(i))) {
                leases.get(i).close();
            }
        }
    }

    private void refuse(Registration adapter, AdapterRefused reason) {
        List<CompletableFuture<AdapterLease>> waiting;
        synchronized (lock) {
            counts.failed();
            adapter.refused(reason, System.nanoTime());
            waiting = adapter.takeWaiting();
        }
        waiting.forEach(waiter -> waiter.completeExceptionally(reason));
    }

    private AdapterLease leaseOf(Resident resident) {
        resident.use();
        return new AdapterLease(resident.adapter(), () -> release(resident));
    }

    private void release(Resident resident) {
        synchronized (lock) {
            resident.leave();
            lock.notifyAll();
            if (!closed && residents.hasAbandoned()) {
                thread.execute(this::free);
            }
        }
    }

    /** Takes milliseconds for a large adapter, which the engine's thread must not spend. */
    private void free() {
        List<Resident> abandoned;
        synchronized (lock) {
            abandoned = residents.takeAbandoned();
        }
        abandoned.forEach(Resident::free);
        synchronized (lock) {
            abandoned.forEach(residents::freed);
        }
    }

    /** Ends the loads that wait; one that is under way is waited for. No row may use an adapter any more. */
    @Override
    public void close() {
        synchronized (lock) {
            closed = true;
            lock.notifyAll();
        }
        thread.shutdown();
        try {
            thread.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        synchronized (lock) {
            residents.takeAll().forEach(Resident::free);
        }
    }

    private static AdapterRefused refusedByClosing(Registration adapter) {
        return AdapterRefused.broken(adapter.folder(), "was not loaded: the process ends");
    }

    private static Thread newThread(Runnable work) {
        Thread thread = new Thread(work, "tidemark-adapters");
        thread.setDaemon(true);
        return thread;
    }
}
