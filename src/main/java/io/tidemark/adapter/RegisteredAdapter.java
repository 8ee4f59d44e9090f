package io.tidemark.adapter;

import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * A version of an adapter that can be leased from an {@link AdapterStore}. Whoever has it can lease it, also after the
 * id stands for another version. The lock of {@link AdapterLoads} guards its state.
 */
public final class RegisteredAdapter {

    private final String id;
    private final Optional<String> required;
    private final String key;
    private volatile AdapterLocation files;
    private final boolean pinned;
    private Optional<Path> folder = Optional.empty();
    private long fileBytes;
    private Optional<String> digest = Optional.empty();
    private OptionalLong loadedBytes = OptionalLong.empty();
    private Optional<InvalidAdapterException> refusal = Optional.empty();
    private long refusedNanos;
    private Optional<AdapterLoads.Load> load = Optional.empty();
    private boolean retired;

    /**
     * @param key      identifies the version among all that the process has
     * @param required the digest that the files must have; empty if any is right
     * @param pinned   whether other adapters are evicted first
     */
    RegisteredAdapter(String id, String key, Optional<String> required, AdapterLocation files, boolean pinned) {
        this.id = id;
        this.key = key;
        this.required = required;
        this.files = files;
        this.pinned = pinned;
    }

    /** The name of the adapter, which other versions may have, too. */
    public String id() {
        return id;
    }

    /** The digest that the files must have; empty for a folder of the settings. */
    public Optional<String> required() {
        return required;
    }

    /** Sets that the same files are stored elsewhere. */
    public void moved(AdapterLocation to) {
        files = to;
    }

    AdapterLocation files() {
        return files;
    }

    public boolean isPinned() {
        return pinned;
    }

    String key() {
        return key;
    }

    /**
     * Sets where the files are now.
     *
     * @param bytes size of the weights file
     */
    void located(Path path, long bytes) {
        folder = Optional.of(path);
        fileBytes = bytes;
    }

    /** Where the files are; they have been located before. */
    Path folder() {
        return folder.orElseThrow();
    }

    long fileBytes() {
        return fileBytes;
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
    long bytes(double perFileByte) {
        return loadedBytes.orElse((long) Math.ceil(fileBytes * perFileByte));
    }

    void loaded(LoadedAdapter adapter) {
        digest = Optional.of(adapter.digest());
        loadedBytes = OptionalLong.of(adapter.weights().bytes());
        refusal = Optional.empty();
    }

    /** The digest that was loaded last; empty before the first load. */
    Optional<String> digest() {
        return digest;
    }

    Optional<AdapterLoads.Load> load() {
        return load;
    }

    void loads(Optional<AdapterLoads.Load> current) {
        load = current;
    }

    /** Sets that no name stands for the version any more: a request that has it already can still lease it. */
    void retire() {
        retired = true;
    }

    boolean isRetired() {
        return retired;
    }

    boolean hangs() {
        return load.isPresent() && load.get().hangs();
    }
}
