package io.tidemark.adapter;

import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.tenant.TenantWeights;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The adapters of one base model: folders by id, and versions whose files come from a source. Any number can be
 * registered. An adapter is loaded when it is leased, on a daemon thread {@code tidemark-adapter-load-N}, and stays in
 * memory until the byte budget requires its eviction. The methods may be called from any thread; only
 * {@link #awaitLease} and {@link #load} wait for a load.
 */
public final class AdapterStore implements AutoCloseable {

    /** The tenant of leases that belong to no request, such as those of a calibrator. No topic has this name. */
    static final String OWN_TENANT = "(own)";

    private final String baseModel;
    private final AdapterLoads loads;
    private final Duration loadLimit;
    private final Map<String, RegisteredAdapter> registered = new ConcurrentHashMap<>();
    private final AtomicLong versions = new AtomicLong();
    private final Map<String, AdapterLease> kept = new ConcurrentHashMap<>();

    /** A store without a budget: a loaded adapter is never evicted. */
    public AdapterStore(LanguageModel model) {
        this(model, Long.MAX_VALUE);
    }

    /** @param budget maximum bytes of all adapters in memory, at least those of the largest adapter */
    public AdapterStore(LanguageModel model, long budget) {
        this(model, budget, TenantWeights.EQUAL, Duration.ofDays(1_000));
    }

    /**
     * @param budget    maximum bytes of all adapters in memory, at least those of the largest adapter
     * @param weights   how tenants share the budget and take turns
     * @param loadLimit time after which a load hangs, checked by {@link #tick}
     */
    public AdapterStore(LanguageModel model, long budget, TenantWeights weights, Duration loadLimit) {
        this(model.name(), new FolderLoader(model), budget, weights, loadLimit);
    }

    AdapterStore(String baseModel, AdapterLoads.Loader loader, long budget, TenantWeights weights, Duration loadLimit) {
        this.baseModel = baseModel;
        this.loadLimit = loadLimit;
        this.loads = new AdapterLoads(loader, budget, weights, loadThreads(loader), loadLimit);
    }

    /**
     * Loads a folder on the calling thread with the scale of all LoRA multiplied by a factor, see {@link
     * io.tidemark.decoder.lora.StoredAdapter#scaledBy}. The weights belong to no store; the caller closes them.
     *
     * @throws InvalidAdapterException if the folder cannot be applied exactly; the message names file and field
     */
    public static LoraWeights loadScaled(LanguageModel model, Path folder, double factor) {
        return new FolderLoader(model).assemble(folder, factor);
    }

    /** Threads that end when they have been idle for a minute. */
    private static Executor loadThreads(AdapterLoads.Loader loader) {
        AtomicInteger started = new AtomicInteger();
        return Executors.newCachedThreadPool(task -> {
            Thread thread = new Thread(
                    () -> {
                        loader.lowerThreadPriority();
                        task.run();
                    },
                    "tidemark-adapter-load-" + started.getAndIncrement());
            thread.setDaemon(true);
            return thread;
        });
    }

    /**
     * Registers a PEFT folder under an id. Validates the config and the headers of all tensors; values that are not
     * finite are found when the adapter is loaded.
     *
     * @throws InvalidAdapterException if the id is taken or the folder cannot be applied exactly; the message names
     *     file and field
     */
    public void register(String id, Path folder) {
        if (isReserved(id)) {
            throw InvalidAdapterException.broken(
                    folder, "the adapter id '" + id + "' is empty or the name of the base model");
        }
        if (registered.putIfAbsent(id, loads.register(id, folder)) != null) {
            throw InvalidAdapterException.broken(folder, "an adapter with the id '" + id + "' is already registered");
        }
    }

    /**
     * A version of an adapter whose files come from a source. It takes no id: the caller decides which version an id
     * stands for. Nothing is read before the first lease.
     *
     * @param digest the digest that the files must have
     * @param pinned whether other adapters are evicted first
     */
    public RegisteredAdapter version(String id, String digest, AdapterLocation files, boolean pinned) {
        // no id of a folder has this character
        String key = id + '\0' + versions.incrementAndGet();
        return new RegisteredAdapter(id, key, Optional.of(digest), files, pinned);
    }

    /** The files of a version; see {@link AdapterLocation#hold}. */
    public CompletableFuture<AdapterLocation.Folder> files(RegisteredAdapter version) {
        return version.files().hold();
    }

    /** The folder that is registered under an id. */
    public Optional<RegisteredAdapter> registered(String id) {
        return Optional.ofNullable(registered.get(id));
    }

    /** Whether the name may not be the id of an adapter. */
    public boolean isReserved(String id) {
        return id.isBlank() || id.equals(baseModel);
    }

    /**
     * Validates the config and the tensor headers of a version's folder on the calling thread.
     *
     * @throws InvalidAdapterException if the folder cannot be applied exactly, or its file is larger than the budget
     */
    public void check(RegisteredAdapter version, Path folder) {
        loads.locate(version, folder);
    }

    /** Frees the memory of a version when its leases are closed. It can still be leased. */
    public void retire(RegisteredAdapter version) {
        loads.retire(version);
    }

    public boolean isRegistered(String id) {
        return registered.containsKey(id);
    }

    /** A copy of all registered ids. */
    public SortedSet<String> ids() {
        return Collections.unmodifiableSortedSet(new TreeSet<>(registered.keySet()));
    }

    /** The digest of a version, of a folder that was loaded last; empty before the first load. */
    public Optional<String> digest(RegisteredAdapter adapter) {
        return adapter.required().or(() -> loads.digest(adapter));
    }

    /** Whether an adapter is in memory or loads. */
    public boolean hasMemory(RegisteredAdapter adapter) {
        return loads.hasMemory(adapter);
    }

    /** Leases an adapter for the process itself, see {@link #lease(RegisteredAdapter, String)}. */
    public CompletableFuture<AdapterLease> lease(RegisteredAdapter adapter) {
        return lease(adapter, OWN_TENANT);
    }

    /** Leases an adapter for the process itself, see {@link #lease(String, String)}. */
    public CompletableFuture<AdapterLease> lease(String id) {
        return lease(id, OWN_TENANT);
    }

    /**
     * Leases an adapter for a tenant, see {@link #lease(String, String)}. The files of a version are held until it is
     * loaded.
     *
     * @return fails also with the exception of {@link AdapterLocation#hold}, or with an {@link
     *     AdapterLoadTimeoutException} if the files do not come within the time after which a load hangs
     */
    public CompletableFuture<AdapterLease> lease(RegisteredAdapter adapter, String tenant) {
        if (adapter.required().isEmpty()) {
            return loads.lease(adapter, tenant);
        }
        Optional<AdapterLease> inMemory = loads.leaseNow(adapter, tenant);
        if (inMemory.isPresent()) {
            return CompletableFuture.completedFuture(inMemory.get());
        }
        CompletableFuture<AdapterLease> lease = new CompletableFuture<>();
        CompletableFuture<AdapterLocation.Folder> files = filesInTime(adapter);
        files.whenComplete((folder, failure) -> {
            if (failure == null) {
                lease(adapter, tenant, folder, lease);
            } else {
                lease.completeExceptionally(failure instanceof TimeoutException ? late(adapter) : cause(failure));
            }
        });
        lease.whenComplete((loaded, failure) -> files.cancel(false));
        return lease;
    }

    /** The files of a version; whoever cancels the future gets no folder. */
    private CompletableFuture<AdapterLocation.Folder> filesInTime(RegisteredAdapter adapter) {
        CompletableFuture<AdapterLocation.Folder> inTime =
                new CompletableFuture<AdapterLocation.Folder>().orTimeout(loadLimit.toMillis(), TimeUnit.MILLISECONDS);
        CompletableFuture<AdapterLocation.Folder> hold = adapter.files().hold();
        hold.whenComplete((folder, failure) -> {
            if (failure != null) {
                inTime.completeExceptionally(cause(failure));
            } else if (!inTime.complete(folder)) {
                folder.release().run();
            }
        });
        inTime.whenComplete((folder, failure) -> hold.cancel(false));
        return inTime;
    }

    private AdapterLoadTimeoutException late(RegisteredAdapter adapter) {
        return new AdapterLoadTimeoutException(
                "the files of adapter '" + adapter.id() + "' did not come within " + loadLimit.toSeconds() + " s");
    }

    /** Completes a lease when the adapter is loaded from the folder, and releases the folder. */
    private void lease(
            RegisteredAdapter adapter,
            String tenant,
            AdapterLocation.Folder folder,
            CompletableFuture<AdapterLease> lease) {
        try {
            loads.locate(adapter, folder.path());
            CompletableFuture<AdapterLease> loading = loads.lease(adapter, tenant);
            loading.whenComplete((loaded, failure) -> {
                folder.release().run();
                if (failure != null) {
                    lease.completeExceptionally(cause(failure));
                } else if (!lease.complete(loaded)) {
                    loaded.close();
                }
            });
            lease.whenComplete((loaded, failure) -> {
                if (lease.isCancelled()) {
                    loading.cancel(false);
                }
            });
        } catch (RuntimeException | Error e) {
            folder.release().run();
            lease.completeExceptionally(e);
        }
    }

    private static Throwable cause(Throwable failure) {
        return failure instanceof CompletionException && failure.getCause() != null ? failure.getCause() : failure;
    }

    /**
     * Leases an adapter for a tenant. All leases that wait for one adapter share one load. Tenants take turns in
     * loading, and a lease above the share of its tenant waits while another tenant waits for a load within its share.
     *
     * @param tenant unique name of the tenant
     * @return completed if the adapter is in memory, unless it waits for other tenants; fails with
     *     {@link InvalidAdapterException}, which is remembered for 30 seconds, or with {@link
     *     AdapterLoadTimeoutException}
     * @throws NoSuchElementException if the id is not registered
     */
    public CompletableFuture<AdapterLease> lease(String id, String tenant) {
        return loads.lease(registration(id), tenant);
    }

    /**
     * Leases an adapter and blocks until it is loaded.
     *
     * @throws InvalidAdapterException if it could not be loaded
     * @throws NoSuchElementException if the id is not registered
     */
    public AdapterLease awaitLease(String id) {
        try {
            return lease(id).join();
        } catch (CompletionException e) {
            throw e.getCause() instanceof InvalidAdapterException refused ? refused : e;
        }
    }

    /**
     * Registers and loads a folder, and keeps the adapter in memory until the store is closed. Blocks until it is
     * loaded.
     *
     * @throws InvalidAdapterException if the id is taken or the folder cannot be applied exactly; the message names
     *     file and field
     */
    public LoadedAdapter load(String id, Path folder) {
        register(id, folder);
        try {
            AdapterLease lease = awaitLease(id);
            kept.put(id, lease);
            return lease.adapter();
        } catch (InvalidAdapterException e) {
            registered.remove(id);
            throw e;
        }
    }

    /** An adapter that was loaded with {@link #load}. */
    public Optional<LoadedAdapter> find(String id) {
        return Optional.ofNullable(kept.get(id)).map(AdapterLease::adapter);
    }

    /**
     * Finds loads that hang, and fails the leases that wait for them. Called a second after the end of the last call.
     */
    public void tick() {
        loads.tick();
    }

    /** Counters since the store was created, and current sizes. */
    public AdapterStats stats() {
        return loads.stats(registered.size());
    }

    /** Frees all adapters, leased ones too. No step may use an adapter any more. */
    @Override
    public void close() {
        loads.close();
    }

    private RegisteredAdapter registration(String id) {
        return Optional.ofNullable(registered.get(id))
                .orElseThrow(() -> new NoSuchElementException("no adapter '" + id + "'"));
    }
}
