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
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The adapters of one base model by id. Any number can be registered. An adapter is loaded when it is leased, on a
 * daemon thread {@code tidemark-adapter-load-N}, and stays in memory until the byte budget requires its eviction. The
 * methods may be called from any thread; only {@link #awaitLease} and {@link #load} wait for a load.
 */
public final class AdapterStore implements AutoCloseable {

    /** The tenant of leases that belong to no request, such as those of a calibrator. No topic has this name. */
    static final String OWN_TENANT = "(own)";

    private final String baseModel;
    private final AdapterLoads loads;
    private final Map<String, AdapterLoads.Registration> registered = new ConcurrentHashMap<>();
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
        if (id.isBlank() || id.equals(baseModel)) {
            throw InvalidAdapterException.broken(
                    folder, "the adapter id '" + id + "' is empty or the name of the base model");
        }
        if (registered.putIfAbsent(id, loads.register(id, folder)) != null) {
            throw InvalidAdapterException.broken(folder, "an adapter with the id '" + id + "' is already registered");
        }
    }

    public boolean isRegistered(String id) {
        return registered.containsKey(id);
    }

    /** A copy of all registered ids. */
    public SortedSet<String> ids() {
        return Collections.unmodifiableSortedSet(new TreeSet<>(registered.keySet()));
    }

    /**
     * The digest of the version that was loaded last; empty before the first load.
     *
     * @throws NoSuchElementException if the id is not registered
     */
    public Optional<String> digest(String id) {
        return loads.digest(registration(id));
    }

    /** Leases an adapter for the process itself, see {@link #lease(String, String)}. */
    public CompletableFuture<AdapterLease> lease(String id) {
        return lease(id, OWN_TENANT);
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

    private AdapterLoads.Registration registration(String id) {
        return Optional.ofNullable(registered.get(id))
                .orElseThrow(() -> new NoSuchElementException("no adapter '" + id + "'"));
    }
}
