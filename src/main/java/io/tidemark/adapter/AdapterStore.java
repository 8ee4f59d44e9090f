package io.tidemark.adapter;

import io.tidemark.model.LanguageModel;
import io.tidemark.model.ModelRefused;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Map;
import java.util.Optional;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;

/** The adapters of one base model, loaded and found by id. Safe for use by several threads. */
public final class AdapterStore implements AutoCloseable {

    private final LanguageModel model;
    private final Map<String, LoadedAdapter> adapters = new ConcurrentHashMap<>();

    public AdapterStore(LanguageModel model) {
        this.model = model;
    }

    /**
     * Loads a PEFT folder under an id.
     *
     * @throws AdapterRefused when the id is taken or the folder cannot be applied exactly, naming what is at fault
     */
    public synchronized LoadedAdapter load(String id, Path folder) {
        if (id.isBlank() || id.equals(model.name())) {
            throw AdapterRefused.broken(folder, "the adapter id '" + id + "' is empty or the base model's name");
        }
        if (adapters.containsKey(id)) {
            throw AdapterRefused.broken(folder, "an adapter '" + id + "' is loaded already");
        }
        var layers = AdapterReader.read(folder, model.config());
        try {
            LoadedAdapter adapter = new LoadedAdapter(id, AdapterDigest.of(folder), model.decoder().assemble(folder, layers));
            adapters.put(id, adapter);
            return adapter;
        } catch (ModelRefused e) {
            throw AdapterRefused.because(e);
        }
    }

    public Optional<LoadedAdapter> find(String id) {
        return Optional.ofNullable(adapters.get(id));
    }

    public SortedSet<String> ids() {
        return Collections.unmodifiableSortedSet(new TreeSet<>(adapters.keySet()));
    }

    /** No row may use an adapter any more. */
    @Override
    public void close() {
        adapters.values().forEach(adapter -> adapter.weights().close());
        adapters.clear();
    }
}
