package io.tidemark.adapter;

import io.tidemark.torch.BackgroundExecutor;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * Adapters in memory under a byte budget. Waits for room, loads and frees on its own thread, one adapter at a time, so
 * that neither the engine nor a caller ever stands still for it.
 */
final class AdapterMemory implements AutoCloseable {

    private static final long REMEMBER_REFUSALS_NANOS = TimeUnit.SECONDS.toNanos(30);

    private final AdapterLoader loader;
    private final AdapterBudget budget;
    private final BackgroundExecutor thread;
    private final Object lock = new Object();
    private final Residents residents;
    private final AdapterRoom room;
    private final LoadCounts counts = new LoadCounts();

    AdapterMemory(AdapterLoader loader, long budget) {
        this.loader = loader;
        this.thread = new BackgroundExecutor("tidemark-adapters", loader::lowerThreadPriority);
        this.budget = new AdapterBudget(budget);
        this.residents = new Residents(budget);
        this.room = new AdapterRoom(lock, residents, thread);
    }

    CompletableFuture<AdapterLease> lease(Registration adapter) {
        synchronized (lock) {
            Optional<Resident> resident = residents.find(adapter.id());
            counts.asked(resident.isPresent());
            if (resident.isPresent()) {
                return CompletableFuture.completedFuture(room.lease(resident.get()));
            }
            Optional<AdapterRefused> refused = room.isClosed()
                    ? Optional.of(refusedByClosing(adapter))
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

    AdapterStats stats(int registered) {
        synchronized (lock) {
            return counts.with(registered, residents);
        }
    }

    /** @throws AdapterRefused when the budget could never hold so much */
    void requireRoom(Registration adapter, long bytes) {
        budget.require(adapter, bytes);
    }

    private void load(Registration adapter) {
        try {
            budget.require(adapter, adapter.bytes(1));
            if (!room.await(expectedBytes(adapter))) {
                throw refusedByClosing(adapter);
            }
            long begun = System.nanoTime();
            LoadedAdapter loaded = loader.load(adapter.id(), adapter.folder());
            budget.require(adapter, loaded);
            arrived(adapter, loaded, System.nanoTime() - begun);
            room.free();
        } catch (AdapterRefused e) {
            refuse(adapter, e);
        } catch (InterruptedException | RuntimeException | Error e) {
            // nobody else would ever tell those that wait
            refuse(adapter, AdapterRefused.broken(adapter.folder(), "could not be loaded: " + e.getMessage(), e));
        }
    }

    private long expectedBytes(Registration adapter) {
        synchronized (lock) {
            return budget.expected(adapter);
        }
    }

    private void arrived(Registration adapter, LoadedAdapter loaded, long nanos) {
        Resident resident = new Resident(loaded);
        List<CompletableFuture<AdapterLease>> waiting;
        List<AdapterLease> leases;
        synchronized (lock) {
            counts.loaded(nanos);
            adapter.loaded(loaded);
            budget.learn(adapter, resident.bytes());
            residents.add(resident);
            waiting = adapter.takeWaiting();
            leases = waiting.stream().map(waiter -> room.lease(resident)).toList();
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

    /** Ends the loads that wait, and one that is under way at its next tensor. No row may use an adapter any more. */
    @Override
    public void close() {
        synchronized (lock) {
            room.close();
        }
        thread.close();
        room.clear();
    }

    private static AdapterRefused refusedByClosing(Registration adapter) {
        return AdapterRefused.broken(adapter.folder(), "was not loaded: the process ends");
    }
}
