package io.tidemark.adapter;

import io.tidemark.decoder.LanguageModel;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The adapters of one base model, found by id. Any number may be registered; those that are asked for are loaded on the
 * thread {@code tidemark-adapters}, and stay in memory until others need their place in the byte budget. Any thread may
 * call; no call waits for a load but {@link #load}.
 */
public final class AdapterStore implements AutoCloseable {

    private final String baseModel;
    private final AdapterLoader loader;
    private final AdapterMemory memory;
    private final Map<String, Registration> registered = new ConcurrentHashMap<>();
    private final Map<String, AdapterLease> kept = new ConcurrentHashMap<>();

    /** Without a budget: what was loaded stays. */
    public AdapterStore(LanguageModel model) {
        this(model, Long.MAX_VALUE);
    }

    /** @param budget bytes that adapters in memory may take together, at least what the largest one takes */
    public AdapterStore(LanguageModel model, long budget) {
        this(model.name(), new FolderLoader(model), budget);
    }

    AdapterStore(String baseModel, AdapterLoader loader, long budget) {
        this.baseModel = baseModel;
        this.loader = loader;
        this.memory = new AdapterMemory(loader, budget);
    }

    /**
     * Makes a PEFT folder known under an id. Reads its config and the headers of its tensors, so that what is not
     * supported or broken is told now; only values that are not finite show when it is loaded.
     *
     * @throws AdapterRefused when the id is taken or the folder cannot be applied exactly, naming what is at fault
     */
    public void register(String id, Path folder) {
        if (id.isBlank() || id.equals(baseModel)) {
            throw AdapterRefused.broken(folder, "the adapter id '" + id + "' is empty or the base model's name");
        }
        Registration adapter = new Registration(id, folder, loader.check(folder));
        memory.requireRoom(adapter, adapter.fileBytes());
        if (registered.putIfAbsent(id, adapter) != null) {
            throw AdapterRefused.broken(folder, "an adapter '" + id + "' is there already");
        }
    }

    public boolean isRegistered(String id) {
        return registered.containsKey(id);
    }

    /** All registered ids, a copy. */
    public SortedSet<String> ids() {
        return Collections.unmodifiableSortedSet(new TreeSet<>(registered.keySet()));
    }

    /** The digest of the version that was loaded last; empty before the first load. */
    public Optional<String> digest(String id) {
        return memory.digest(registration(id));
    }

    /**
     * Asks for an adapter. Whoever waits for one adapter waits for one load; requests for different ones are loaded in
     * their order, each as soon as there is room.
     *
     * @return done at once when the adapter is in memory; fails with {@link AdapterRefused}, which is remembered for
     *         half a minute
     * @throws NoSuchElementException for an id that is not registered
     */
    public CompletableFuture<AdapterLease> lease(String id) {
        return memory.lease(registration(id));
    }

    /**
     * The same for a thread that may stand still.
     *
     * @throws AdapterRefused as above
     */
    public AdapterLease awaitLease(String id) {
        try {
            return lease(id).join();
        } catch (CompletionException e) {
            throw e.getCause() instanceof AdapterRefused refused ? refused : e;
        }
    }

    /**
     * Registers and loads a folder, and keeps it in memory until the store is closed.
     *
     * @throws AdapterRefused when the id is taken or the folder cannot be applied exactly, naming what is at fault
     */
    public LoadedAdapter load(String id, Path folder) {
        register(id, folder);
        try {
            AdapterLease lease = awaitLease(id);
            kept.put(id, lease);
            return lease.adapter();
        } catch (AdapterRefused e) {
            registered.remove(id);
            throw e;
        }
    }

    /** An adapter that {@link #load} has put there. */
    public Optional<LoadedAdapter> find(String id) {
        return Optional.ofNullable(kept.get(id)).map(AdapterLease::adapter);
    }

    /** Counts since the store was made, and what is in memory now. */
    public AdapterStats stats() {
        return memory.stats(registered.size());
    }

    /** No row may use an adapter any more. */
    @Override
    public void close() {
        memory.close();
    }

    private Registration registration(String id) {
        return Optional.ofNullable(registered.get(id))
                .orElseThrow(() -> new NoSuchElementException("no adapter '" + id + "'"));
    }
}
