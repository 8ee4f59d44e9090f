package io.tidemark.adapter;

import io.tidemark.tenant.TenantWeights;
import io.tidemark.text.LogFields;
import io.tidemark.time.RunningTime;
import io.tidemark.torch.BackgroundExecutor;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;

/**
 * Loads adapters into an {@link AdapterCache} when they are leased. All leases that wait for one adapter share one
 * load. {@link WaitingLoads} decides which load starts next, and which leases wait for those of other tenants.
 *
 * <p>The methods may be called from any thread. One thread, {@code tidemark-adapters}, frees memory, starts loads and
 * grants leases, in a pass after each change that may allow it. At most {@value #MAX_LOADS} adapters load at a time,
 * each on a thread of the given executor. All methods except {@link #close} return without waiting for these threads.
 *
 * <p>A load beyond its time limit <em>hangs</em>: whoever waits for it gets an {@link AdapterLoadTimeoutException}, as
 * do later leases of the adapter until the load ends. Its memory no longer counts, and another thread takes its place,
 * until {@value #MAX_THREADS} threads are in use. If all of them hang, no adapter can be loaded until one ends.
 *
 * <p>One lock guards all state. It is held while the cache adds or misses an adapter, so that no adapter loads twice.
 * Futures are completed outside of it.
 */
final class AdapterLoads implements AutoCloseable {

    private static final System.Logger LOG = System.getLogger(AdapterLoads.class.getName());

    /** How long a failed load is remembered; a repaired folder is then loaded without a restart. */
    private static final long REFUSAL_NANOS = TimeUnit.SECONDS.toNanos(30);

    /** How many adapters load at a time at most, not counting loads that hang. */
    static final int MAX_LOADS = 4;
    /** How many threads load at most, counting loads that hang. */
    static final int MAX_THREADS = 12;

    /** How many bytes of memory are reserved for each byte of an adapter's file, until one has been loaded. */
    private static final double FIRST_BYTES_PER_FILE_BYTE = 4;

    private static final long CLOSE_NANOS = TimeUnit.SECONDS.toNanos(60);

    private final Loader loader;
    private final AdapterCache cache;
    private final BackgroundExecutor thread;
    private final Executor loadThreads;
    private final Duration loadLimit;
    private final RunningTime<Load> loadTimes = new RunningTime<>();
    /** Guards all state. It is taken before the monitor of the cache, never after it. */
    private final Object lock = new Object();

    private final WaitingLoads waiting;
    /** Adapters that load or wait for their thread. */
    private final Set<Load> loading = Collections.newSetFromMap(new IdentityHashMap<>());
    /** Whether a pass will begin on {@code tidemark-adapters}. */
    private boolean passQueued;

    /** The highest ratio of memory to file size of the loaded adapters; estimates the memory before a first load. */
    private double bytesPerFileByte = 1;

    private boolean closed;
    private long loads;
    private long loadNanos;
    private long failures;

    /** Reads adapters from folders. */
    interface Loader {

        /** Lowers the priority of the calling thread, which loads or frees adapters. Runs before its first task. */
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

    /** A load that has its memory. The lock of the loads guards its state. */
    static final class Load {

        private final RegisteredAdapter registration;
        /** The leases to grant when the adapter is loaded. */
        private List<Waiter> waiters = new ArrayList<>();

        private Optional<Thread> running = Optional.empty();
        private boolean hangs;

        boolean hangs() {
            return hangs;
        }

        private Load(RegisteredAdapter registration) {
            this.registration = registration;
        }

        private List<Waiter> takeWaiters() {
            List<Waiter> taken = waiters;
            waiters = new ArrayList<>();
            return taken;
        }
    }

    private record Waiter(String tenant, CompletableFuture<AdapterLease> future) {

        /** A cancelled future takes no lease. */
        private void grant(AdapterLease lease) {
            if (!future.complete(lease)) {
                lease.close();
            }
        }
    }

    /**
     * @param budget      maximum bytes of all adapters in memory
     * @param weights     how tenants share the budget
     * @param loadThreads has a thread for each of {@value #MAX_THREADS} tasks
     * @param loadLimit   time after which a load hangs, see {@link #tick}
     */
    AdapterLoads(Loader loader, long budget, TenantWeights weights, Executor loadThreads, Duration loadLimit) {
        this.loader = loader;
        this.cache = new AdapterCache(budget, this::passSoon);
        this.waiting = new WaitingLoads(weights, cache, this::expectedBytes);
        this.thread = new BackgroundExecutor("tidemark-adapters", loader::lowerThreadPriority);
        this.loadThreads = loadThreads;
        this.loadLimit = loadLimit;
    }

    /**
     * Validates a folder on the calling thread.
     *
     * @throws InvalidAdapterException if the folder cannot be applied exactly, or its file is larger than the budget
     */
    RegisteredAdapter register(String id, Path folder) {
        RegisteredAdapter registration =
                new RegisteredAdapter(id, id, Optional.empty(), AdapterLocation.in(folder), false);
        locate(registration, folder);
        return registration;
    }

    /**
     * Sets where the files of an adapter are, and validates them on the calling thread.
     *
     * @throws InvalidAdapterException if the folder cannot be applied exactly, or its file is larger than the budget
     */
    void locate(RegisteredAdapter registration, Path folder) {
        long bytes = loader.check(folder);
        synchronized (lock) {
            registration.located(folder, bytes);
        }
        requireWithinBudget(registration, bytes);
    }

    /** Whether an adapter is in memory or loads, so that a lease of it needs no files. */
    boolean hasMemory(RegisteredAdapter registration) {
        return cache.hasMemory(registration.key());
    }

    /** Frees the memory of an adapter when its leases are closed. */
    void retire(RegisteredAdapter registration) {
        synchronized (lock) {
            registration.retire();
            cache.retire(registration.key());
            passSoon();
        }
    }

    /**
     * @param tenant whose share of the memory the lease uses
     * @return completed if the adapter is in memory and the lease need not wait for other tenants, see
     *     {@link WaitingLoads}; otherwise when it has been loaded and need not wait. Fails with
     *     {@link InvalidAdapterException}, also without a load if one failed less than 30 seconds ago, with
     *     {@link AdapterLoadTimeoutException} if the load hangs, or with the {@link Error} that has ended the load
     */
    CompletableFuture<AdapterLease> lease(RegisteredAdapter registration, String tenant) {
        WaitingLoads.Pending pending = new WaitingLoads.Pending(tenant, registration);
        synchronized (lock) {
            cache.request(registration.key());
            boolean hasMemory = cache.hasMemory(registration.key());
            Optional<Throwable> failure = hasMemory ? Optional.empty() : failure(registration);
            if (failure.isPresent()) {
                return CompletableFuture.failedFuture(failure.get());
            }
            Waiter waiter = new Waiter(tenant, new CompletableFuture<>());
            if (!hasMemory || !waiting.mayHold(pending)) {
                waiting.add(pending, waiter.future);
                waiter.future.whenComplete((lease, reason) -> removeCancelled(pending, waiter.future));
                passSoon();
            } else {
                // nobody depends on the future yet
                grant(pending, List.of(waiter)).run();
            }
            return waiter.future;
        }
    }

    /** A lease of an adapter that is in memory; empty if it is not, or has to wait for other tenants. */
    Optional<AdapterLease> leaseNow(RegisteredAdapter registration, String tenant) {
        synchronized (lock) {
            if (registration.load().isPresent()
                    || !waiting.mayHold(new WaitingLoads.Pending(tenant, registration))
                    || !cache.hasMemory(registration.key())) {
                return Optional.empty();
            }
            cache.request(registration.key());
            return cache.lease(registration.key(), tenant);
        }
    }

    /** A cancelled lease waits no longer: its adapter is not loaded for it, and others do not wait for it. */
    private void removeCancelled(WaitingLoads.Pending pending, CompletableFuture<AdapterLease> lease) {
        if (lease.isCancelled()) {
            synchronized (lock) {
                waiting.remove(pending, lease);
                passSoon();
            }
        }
    }

    /** Why an adapter without memory is not loaded now. */
    private Optional<Throwable> failure(RegisteredAdapter registration) {
        if (closed) {
            return Optional.of(closedRefusal(registration));
        }
        Optional<InvalidAdapterException> refusal = registration.refusedSince(System.nanoTime() - REFUSAL_NANOS);
        if (refusal.isPresent()) {
            return Optional.of(refusal.get());
        }
        return registration.hangs() || allThreadsHang() ? Optional.of(timeout(registration)) : Optional.empty();
    }

    /**
     * Grants leases of an adapter that has memory, or lets them wait for its load. Under the lock.
     *
     * @return completes the granted leases, outside the lock
     */
    private Runnable grant(WaitingLoads.Pending pending, List<Waiter> waiters) {
        RegisteredAdapter registration = pending.adapter();
        if (registration.load().isPresent()) {
            cache.charge(registration.key(), pending.tenant());
            registration.load().get().waiters.addAll(waiters);
            return () -> {};
        }
        return granted(
                waiters,
                waiters.stream()
                        .map(waiter ->
                                cache.lease(registration.key(), waiter.tenant).orElseThrow())
                        .toList());
    }

    private static Runnable granted(List<Waiter> waiters, List<AdapterLease> leases) {
        return () -> {
            for (int i = 0; i < leases.size(); i++) {
                waiters.get(i).grant(leases.get(i));
            }
        };
    }

    /** The digest of the version that was loaded last; empty before the first load. */
    Optional<String> digest(RegisteredAdapter registration) {
        synchronized (lock) {
            return registration.digest();
        }
    }

    AdapterStats stats(int registered) {
        synchronized (lock) {
            AdapterCache.CacheUsage usage = cache.usage();
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
        List<Runnable> effects = new ArrayList<>();
        synchronized (lock) {
            loadTimes.tick(
                    loading.stream().filter(load -> load.running.isPresent()).toList());
            loadTimes.since(loadLimit).stream()
                    .filter(load -> !load.hangs && loading.contains(load))
                    .forEach(load -> effects.add(hangs(load)));
        }
        effects.forEach(Runnable::run);
        passSoon();
    }

    private Runnable hangs(Load load) {
        RegisteredAdapter registration = load.registration;
        load.hangs = true;
        cache.cancelReservation(registration.key());
        // may end a read from a volume that responds again
        load.running.ifPresent(Thread::interrupt);
        LogFields.adapter(registration.id())
                .during(() -> LOG.log(
                        System.Logger.Level.ERROR,
                        "the load of adapter '" + registration.id() + "' has not ended within " + loadLimit.toSeconds()
                                + " s (tidemark.engine.adapter-load-limit): " + registration.folder()));
        return fail(registration, timeout(registration));
    }

    /**
     * Fails the leases that wait, interrupts running loads at their next tensor, and frees all adapters. Waits up to 60
     * seconds for loads that do not hang. No step may use an adapter any more.
     */
    @Override
    public void close() {
        List<Runnable> effects = new ArrayList<>();
        synchronized (lock) {
            closed = true;
            loading.forEach(load -> load.running.ifPresent(Thread::interrupt));
            // those that load are failed by their threads
            waiting.adapters().stream()
                    .filter(registration -> registration.load().isEmpty())
                    .forEach(registration -> effects.add(fail(registration, closedRefusal(registration))));
        }
        effects.forEach(Runnable::run);
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

    /** Queues a pass, because a load may start, a lease may be granted, or memory can be freed. */
    private void passSoon() {
        synchronized (lock) {
            if (!closed && !passQueued && (cache.canFree() || !waiting.isEmpty())) {
                passQueued = true;
                thread.execute(this::pass);
            }
        }
    }

    /** Frees memory, starts loads and grants leases, as long as it can. Runs on {@code tidemark-adapters}. */
    private void pass() {
        synchronized (lock) {
            passQueued = false;
        }
        do {
            cache.freeUnused();
            List<Runnable> effects = new ArrayList<>();
            synchronized (lock) {
                if (allThreadsHang()) {
                    unloaded().forEach(each -> effects.add(fail(each, timeout(each))));
                }
                boolean progress = !closed;
                while (progress) {
                    progress = startLoads(effects) || grantLeases(effects);
                }
            }
            effects.forEach(Runnable::run);
        } while (cache.canFree());
    }

    private boolean startLoads(List<Runnable> effects) {
        boolean started = false;
        while (hasThread()) {
            Optional<WaitingLoads.Pending> next = waiting.start();
            if (next.isEmpty()) {
                break;
            }
            Load load = new Load(next.get().adapter());
            load.registration.loads(Optional.of(load));
            loading.add(load);
            grant(next.get(), waiters(next.get()));
            effects.add(() -> execute(load));
            started = true;
        }
        return started;
    }

    private boolean grantLeases(List<Runnable> effects) {
        Optional<WaitingLoads.Pending> next = waiting.grantable();
        next.ifPresent(pending -> effects.add(grant(pending, waiters(pending))));
        return next.isPresent();
    }

    private List<Waiter> waiters(WaitingLoads.Pending pending) {
        return waiting.take(pending).stream()
                .map(future -> new Waiter(pending.tenant(), future))
                .toList();
    }

    private List<RegisteredAdapter> unloaded() {
        return waiting.adapters().stream()
                .filter(each -> !cache.hasMemory(each.key()))
                .toList();
    }

    private void execute(Load load) {
        try {
            loadThreads.execute(() -> run(load));
        } catch (RuntimeException e) {
            failed(load, notLoaded(load.registration, e));
        }
    }

    /** The memory to reserve. An estimate above the budget is no reason to refuse an adapter. */
    private long expectedBytes(RegisteredAdapter registration) {
        return Math.min(cache.budget(), registration.bytes(loads == 0 ? FIRST_BYTES_PER_FILE_BYTE : bytesPerFileByte));
    }

    /** Loads an adapter. Runs on a thread that loads. */
    private void run(Load load) {
        RegisteredAdapter registration = load.registration;
        try {
            synchronized (lock) {
                if (closed) {
                    throw closedRefusal(registration);
                }
                load.running = Optional.of(Thread.currentThread());
            }
            long start = System.nanoTime();
            LoadedAdapter loaded = loader.load(registration.id(), folder(registration));
            try {
                requireDigest(registration, loaded.digest());
                requireWithinBudget(registration, loaded.weights().bytes());
                add(load, loaded, System.nanoTime() - start);
            } catch (InvalidAdapterException e) {
                loaded.weights().close();
                throw e;
            }
        } catch (InvalidAdapterException e) {
            failed(load, e);
        } catch (RuntimeException e) {
            failed(load, notLoaded(registration, e));
        } catch (Error e) {
            // whoever waits for the adapter ends the process
            LogFields.adapter(registration.id())
                    .during(() -> LOG.log(
                            System.Logger.Level.ERROR,
                            "the load of adapter '" + registration.id() + "' has failed",
                            e));
            failed(load, e);
        }
        passSoon();
    }

    private void failed(Load load, Throwable reason) {
        Runnable failing;
        synchronized (lock) {
            failing = fail(load.registration, reason);
            ended(load);
        }
        failing.run();
    }

    /** Forgets a load that has ended. The caller holds the lock. */
    private void ended(Load load) {
        loading.remove(load);
        load.registration.loads(Optional.empty());
        if (!load.hangs) {
            cache.cancelReservation(load.registration.key());
        }
        lock.notifyAll();
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
        RegisteredAdapter registration = load.registration;
        Runnable granting;
        synchronized (lock) {
            if (closed) {
                throw closedRefusal(registration);
            }
            List<Waiter> waiters = load.takeWaiters();
            ended(load);
            loads++;
            loadNanos += nanos;
            registration.loaded(adapter);
            bytesPerFileByte =
                    Math.max(bytesPerFileByte, (double) adapter.weights().bytes() / registration.fileBytes());
            granting = granted(
                    waiters,
                    cache.add(
                            registration.key(),
                            registration.isPinned(),
                            adapter,
                            waiters.stream().map(Waiter::tenant).toList()));
            if (registration.isRetired()) {
                cache.retire(registration.key());
            }
        }
        granting.run();
    }

    /**
     * Fails all leases that wait for an adapter, and remembers a refusal. Under the lock.
     *
     * @return completes the leases and logs a refusal, outside the lock
     */
    private Runnable fail(RegisteredAdapter registration, Throwable reason) {
        failures++;
        List<CompletableFuture<AdapterLease>> leases = new ArrayList<>(waiting.take(registration));
        registration.load().ifPresent(load -> load.takeWaiters().forEach(waiter -> leases.add(waiter.future)));
        if (reason instanceof InvalidAdapterException refusal) {
            registration.refused(refusal, System.nanoTime());
        }
        return () -> {
            if (reason instanceof InvalidAdapterException) {
                // once for each load: senders are not told the reason
                LogFields.adapter(registration.id())
                        .during(() -> LOG.log(
                                System.Logger.Level.WARNING,
                                "adapter '" + registration.id() + "' can't be loaded: " + reason.getMessage()));
            }
            leases.forEach(lease -> lease.completeExceptionally(reason));
        };
    }

    private Path folder(RegisteredAdapter registration) {
        synchronized (lock) {
            return registration.folder();
        }
    }

    private static void requireDigest(RegisteredAdapter registration, String digest) {
        if (registration.required().filter(required -> !required.equals(digest)).isPresent()) {
            throw InvalidAdapterException.broken(
                    registration.folder(),
                    "has the digest " + digest + ", and its record names "
                            + registration.required().get());
        }
    }

    private void requireWithinBudget(RegisteredAdapter registration, long bytes) {
        if (bytes > cache.budget()) {
            throw InvalidAdapterException.broken(
                    registration.folder(),
                    "takes " + bytes + " bytes, more than the budget of " + cache.budget()
                            + " bytes for all adapters; increase tidemark.engine.adapter-bytes");
        }
    }

    private static InvalidAdapterException notLoaded(RegisteredAdapter registration, Exception reason) {
        return InvalidAdapterException.broken(
                registration.folder(), "could not be loaded: " + reason.getMessage(), reason);
    }

    private AdapterLoadTimeoutException timeout(RegisteredAdapter registration) {
        return new AdapterLoadTimeoutException(
                "adapter '" + registration.id() + "' was not loaded within " + loadLimit.toSeconds() + " s");
    }

    private static InvalidAdapterException closedRefusal(RegisteredAdapter registration) {
        return InvalidAdapterException.broken(registration.folder(), "was not loaded because the process ends");
    }
}
