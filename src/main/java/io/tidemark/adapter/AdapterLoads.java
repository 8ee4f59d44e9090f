package io.tidemark.adapter;

import io.tidemark.time.RunningTime;
import io.tidemark.torch.BackgroundExecutor;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;

/**
 * Loads adapters into an {@link AdapterCache} when they are leased. All leases that wait for one adapter share one
 * load.
 *
 * <p>The methods may be called from any thread. One thread, {@code tidemark-adapters}, waits for memory and for a
 * thread that loads, one adapter after the other, and frees. At most {@value #MAX_LOADS} adapters load at a time, each
 * on a thread of the given executor. All methods except {@link #close} return without waiting for these threads.
 *
 * <p>A load beyond its time limit <em>hangs</em>: whoever waits for it gets an {@link AdapterLoadTimeoutException}, as
 * do later leases of the adapter until the load ends. Its memory no longer counts, and another thread takes its place,
 * until {@value #MAX_THREADS} threads are in use. If all of them hang, no adapter can be loaded until one ends.
 *
 * <p>One lock guards all state. It is held while the cache adds or misses an adapter, so that no adapter loads twice.
 */
final class AdapterLoads implements AutoCloseable {

    private static final System.Logger LOG = System.getLogger(AdapterLoads.class.getName());

    /** How long a failed load is remembered; a repaired folder is then loaded without a restart. */
    private static final long REFUSAL_NANOS = TimeUnit.SECONDS.toNanos(30);

    /** Loads at a time, without those that hang. */
    static final int MAX_LOADS = 4;
    /** Threads that load, with those that hang. */
    static final int MAX_THREADS = 12;

    /** Assumed memory of a first load for each byte of its file, while other loads run. */
    private static final double FIRST_BYTES_PER_FILE_BYTE = 4;

    private static final long CLOSE_NANOS = TimeUnit.SECONDS.toNanos(60);

    private final Loader loader;
    private final AdapterCache cache;
    private final BackgroundExecutor thread;
    private final Executor loadThreads;
    private final Duration loadLimit;
    private final RunningTime<Load> loadTimes = new RunningTime<>();
    /** Taken before the monitor of the cache, never after it. */
    private final Object lock = new Object();

    /** Adapters that load or wait for their thread. */
    private final Set<Load> loading = Collections.newSetFromMap(new IdentityHashMap<>());

    /** The highest ratio of memory to file size of the loaded adapters; estimates the memory before a first load. */
    private double bytesPerFileByte = 1;

    private boolean closed;
    private long loads;
    private long loadNanos;
    private long failures;

    /** Reads adapters from folders. */
    interface Loader {

        /** Called on each thread that loads, before its first load. */
        default void lowerThreadPriority() {}

        /**
         * Validates config and tensor headers without reading tensors.
         *
         * @return the size of the weights file in bytes
         * @throws InvalidAdapterException if the folder cannot be applied exactly
         */
        long check(Path folder);

        /** @throws InvalidAdapterException if the folder cannot be applied exactly */
        LoadedAdapter load(String id, Path folder);
    }

    /** An adapter that can be leased. The lock of the loads guards its state. */
    static final class Registration {

        private final String id;
        private final Path folder;
        private final long fileBytes;
        private List<CompletableFuture<AdapterLease>> waiting = new ArrayList<>();
        private Optional<String> digest = Optional.empty();
        private OptionalLong loadedBytes = OptionalLong.empty();
        private Optional<InvalidAdapterException> refusal = Optional.empty();
        private long refusedNanos;
        private boolean hangs;

        /** @param fileBytes size of the weights file */
        Registration(String id, Path folder, long fileBytes) {
            this.id = id;
            this.folder = folder;
            this.fileBytes = fileBytes;
        }

        void refused(InvalidAdapterException reason, long nanos) {
            refusal = Optional.of(reason);
            refusedNanos = nanos;
        }

        /** Why the last load failed, if it failed at this time or later. */
        Optional<InvalidAdapterException> refusedSince(long nanos) {
            return refusal.filter(reason -> refusedNanos - nanos >= 0);
        }

        /** The memory that the last load took, or an estimate before the first load. */
        private long bytes(double perFileByte) {
            return loadedBytes.orElse((long) Math.ceil(fileBytes * perFileByte));
        }

        private void loaded(LoadedAdapter adapter) {
            digest = Optional.of(adapter.digest());
            loadedBytes = OptionalLong.of(adapter.weights().bytes());
            refusal = Optional.empty();
        }

        private List<CompletableFuture<AdapterLease>> takeWaiting() {
            List<CompletableFuture<AdapterLease>> taken = waiting;
            waiting = new ArrayList<>();
            return taken;
        }
    }

    /** A load that has its memory. The lock of the loads guards its state. */
    private static final class Load {

        private final Registration registration;
        private final long reservedBytes;
        private Optional<Thread> running = Optional.empty();
        private boolean hangs;

        Load(Registration registration, long reservedBytes) {
            this.registration = registration;
            this.reservedBytes = reservedBytes;
        }
    }

    /**
     * @param budget      maximum bytes of all adapters in memory
     * @param loadThreads has a thread for each of {@value #MAX_THREADS} tasks
     * @param loadLimit   time after which a load hangs, see {@link #tick}
     */
    AdapterLoads(Loader loader, long budget, Executor loadThreads, Duration loadLimit) {
        this.loader = loader;
        this.cache = new AdapterCache(budget, this::released);
        this.thread = new BackgroundExecutor("tidemark-adapters", loader::lowerThreadPriority);
        this.loadThreads = loadThreads;
        this.loadLimit = loadLimit;
    }

    /**
     * Validates a folder on the calling thread.
     *
     * @throws InvalidAdapterException if the folder cannot be applied exactly, or its file is larger than the budget
     */
    Registration register(String id, Path folder) {
        Registration registration = new Registration(id, folder, loader.check(folder));
        requireWithinBudget(registration, registration.fileBytes);
        return registration;
    }

    /**
     * @return completed if the adapter is in memory, otherwise when it has been loaded; fails with
     *     {@link InvalidAdapterException}, also without a load if one failed less than 30 seconds ago, with
     *     {@link AdapterLoadTimeoutException} if the load hangs, or with the {@link Error} that has ended the load
     */
    CompletableFuture<AdapterLease> lease(Registration registration) {
        synchronized (lock) {
            Optional<AdapterLease> cached = cache.lease(registration.id);
            if (cached.isPresent()) {
                return CompletableFuture.completedFuture(cached.get());
            }
            Optional<InvalidAdapterException> refusal = closed
                    ? Optional.of(closedRefusal(registration))
                    : registration.refusedSince(System.nanoTime() - REFUSAL_NANOS);
            if (refusal.isPresent()) {
                return CompletableFuture.failedFuture(refusal.get());
            }
            if (registration.hangs || allThreadsHang()) {
                return CompletableFuture.failedFuture(timeout(registration));
            }
            CompletableFuture<AdapterLease> waiter = new CompletableFuture<>();
            registration.waiting.add(waiter);
            if (registration.waiting.size() == 1) {
                thread.execute(() -> load(registration));
            }
            return waiter;
        }
    }

    /** The digest of the version that was loaded last; empty before the first load. */
    Optional<String> digest(Registration registration) {
        synchronized (lock) {
            return registration.digest;
        }
    }

    AdapterStats stats(int registered) {
        synchronized (lock) {
            AdapterCache.Usage usage = cache.usage();
            return new AdapterStats(
                    registered,
                    usage.adapters(),
                    usage.bytes(),
                    usage.leases(),
                    usage.hits(),
                    loads,
                    loadNanos,
                    usage.evictions(),
                    failures,
                    hangingLoads());
        }
    }

    /**
     * Finds loads that hang, and fails whoever waits for them. Called a second after the end of the last call, see
     * {@link RunningTime}.
     */
    void tick() {
        List<Load> late;
        synchronized (lock) {
            loadTimes.tick(
                    loading.stream().filter(load -> load.running.isPresent()).toList());
            late = loadTimes.since(loadLimit).stream()
                    .filter(load -> !load.hangs && loading.contains(load))
                    .toList();
            for (Load load : late) {
                load.hangs = true;
                load.registration.hangs = true;
                cache.cancelReservation(load.reservedBytes);
                // may end a read from a volume that responds again
                load.running.ifPresent(Thread::interrupt);
            }
            lock.notifyAll();
        }
        for (Load load : late) {
            LOG.log(
                    System.Logger.Level.ERROR,
                    "the load of adapter '" + load.registration.id + "' has not ended within " + loadLimit.toSeconds()
                            + " s (tidemark.engine.adapter-load-limit): " + load.registration.folder);
            failWaiting(load.registration, timeout(load.registration));
        }
    }

    /**
     * Fails the leases that wait, interrupts running loads at their next tensor, and frees all adapters. Waits up to 60
     * seconds for loads that do not hang. No step may use an adapter any more.
     */
    @Override
    public void close() {
        synchronized (lock) {
            closed = true;
            loading.forEach(load -> load.running.ifPresent(Thread::interrupt));
            lock.notifyAll();
        }
        thread.close();
        awaitLoads();
        cache.close();
    }

    private void awaitLoads() {
        long start = System.nanoTime();
        synchronized (lock) {
            try {
                while (loading.stream().anyMatch(load -> !load.hangs) && System.nanoTime() - start < CLOSE_NANOS) {
                    lock.wait(TimeUnit.SECONDS.toMillis(1));
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** On the thread {@code tidemark-adapters}: waits until the adapter can load, and has it loaded. */
    private void load(Registration registration) {
        try {
            requireWithinBudget(registration, registration.bytes(1));
            Load load = reserve(registration);
            loadThreads.execute(() -> run(load));
        } catch (InvalidAdapterException e) {
            refuse(registration, e);
        } catch (AdapterLoadTimeoutException e) {
            failWaiting(registration, e);
        } catch (InterruptedException | RuntimeException e) {
            refuse(registration, notLoaded(registration, e));
        }
    }

    /**
     * Waits until this adapter fits the budget and has a thread. An estimate above the budget is no reason to refuse
     * it.
     *
     * @throws AdapterLoadTimeoutException if all threads hang
     */
    private Load reserve(Registration registration) throws InterruptedException {
        while (true) {
            cache.freeUnused();
            synchronized (lock) {
                if (closed) {
                    throw closedRefusal(registration);
                }
                if (allThreadsHang()) {
                    throw timeout(registration);
                }
                long bytes = Math.min(
                        cache.budget(), registration.bytes(loads == 0 ? FIRST_BYTES_PER_FILE_BYTE : bytesPerFileByte));
                if (hasThread() && cache.reserve(bytes)) {
                    Load load = new Load(registration, bytes);
                    loading.add(load);
                    return load;
                }
                if (!cache.canFree()) {
                    lock.wait();
                }
            }
        }
    }

    /** On a thread that loads. */
    private void run(Load load) {
        Registration registration = load.registration;
        try {
            synchronized (lock) {
                if (closed) {
                    throw closedRefusal(registration);
                }
                load.running = Optional.of(Thread.currentThread());
            }
            long start = System.nanoTime();
            LoadedAdapter loaded = loader.load(registration.id, registration.folder);
            try {
                requireWithinBudget(registration, loaded.weights().bytes());
                add(load, loaded, System.nanoTime() - start);
            } catch (InvalidAdapterException e) {
                loaded.weights().close();
                throw e;
            }
        } catch (InvalidAdapterException e) {
            ended(load);
            refuse(registration, e);
        } catch (RuntimeException e) {
            ended(load);
            refuse(registration, notLoaded(registration, e));
        } catch (Error e) {
            // whoever waits for the adapter ends the process
            LOG.log(System.Logger.Level.ERROR, "the load of adapter '" + registration.id + "' has failed", e);
            ended(load);
            failWaiting(registration, e);
        }
        freeSoon();
    }

    private void ended(Load load) {
        synchronized (lock) {
            loading.remove(load);
            load.registration.hangs = false;
            if (!load.hangs) {
                cache.cancelReservation(load.reservedBytes);
            }
            lock.notifyAll();
        }
    }

    private int hangingLoads() {
        return (int) loading.stream().filter(load -> load.hangs).count();
    }

    private boolean allThreadsHang() {
        return hangingLoads() == MAX_THREADS;
    }

    private boolean hasThread() {
        return loading.size() < MAX_THREADS && loading.size() - hangingLoads() < MAX_LOADS;
    }

    /** @throws InvalidAdapterException if the loads have been closed */
    private void add(Load load, LoadedAdapter adapter, long nanos) {
        Registration registration = load.registration;
        List<CompletableFuture<AdapterLease>> waiting;
        List<AdapterLease> granted;
        synchronized (lock) {
            if (closed) {
                throw closedRefusal(registration);
            }
            ended(load);
            loads++;
            loadNanos += nanos;
            registration.loaded(adapter);
            bytesPerFileByte =
                    Math.max(bytesPerFileByte, (double) adapter.weights().bytes() / registration.fileBytes);
            waiting = registration.takeWaiting();
            granted = cache.add(adapter, waiting.size());
        }
        for (int i = 0; i < granted.size(); i++) {
            // a cancelled future takes no lease
            if (!waiting.get(i).complete(granted.get(i))) {
                granted.get(i).close();
            }
        }
    }

    private void refuse(Registration registration, InvalidAdapterException reason) {
        synchronized (lock) {
            registration.refused(reason, System.nanoTime());
        }
        // once for each load: senders are not told the reason
        LOG.log(
                System.Logger.Level.WARNING,
                "adapter '" + registration.id + "' can't be loaded: " + reason.getMessage());
        failWaiting(registration, reason);
    }

    private void failWaiting(Registration registration, Throwable reason) {
        List<CompletableFuture<AdapterLease>> waiting;
        synchronized (lock) {
            failures++;
            waiting = registration.takeWaiting();
        }
        waiting.forEach(waiter -> waiter.completeExceptionally(reason));
    }

    /** On the thread that closes a lease: its adapter may be one that a load can replace. */
    private void released() {
        synchronized (lock) {
            lock.notifyAll();
        }
        freeSoon();
    }

    /** Memory is freed on the thread {@code tidemark-adapters}. */
    private void freeSoon() {
        synchronized (lock) {
            if (!closed && cache.canFree()) {
                thread.execute(cache::freeUnused);
            }
        }
    }

    private void requireWithinBudget(Registration registration, long bytes) {
        if (bytes > cache.budget()) {
            throw InvalidAdapterException.broken(
                    registration.folder,
                    "takes " + bytes + " bytes, more than the budget of " + cache.budget()
                            + " bytes for all adapters; increase tidemark.engine.adapter-bytes");
        }
    }

    private static InvalidAdapterException notLoaded(Registration registration, Exception reason) {
        return InvalidAdapterException.broken(
                registration.folder, "could not be loaded: " + reason.getMessage(), reason);
    }

    private AdapterLoadTimeoutException timeout(Registration registration) {
        return new AdapterLoadTimeoutException(
                "adapter '" + registration.id + "' was not loaded within " + loadLimit.toSeconds() + " s");
    }

    private static InvalidAdapterException closedRefusal(Registration registration) {
        return InvalidAdapterException.broken(registration.folder, "was not loaded because the process ends");
    }
}
