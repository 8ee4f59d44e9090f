package io.tidemark.adapter;

/** A loaded adapter with the number of those that use it. Guarded by the store's lock. */
final class Resident {

    private final LoadedAdapter adapter;
    private int users;

    Resident(LoadedAdapter adapter) {
        this.adapter = adapter;
    }

    LoadedAdapter adapter() {
        return adapter;
    }

    void free() {
        adapter.weights().close();
    }

    long bytes() {
        return adapter.weights().bytes();
    }

    boolean isIdle() {
        return users == 0;
    }

    void use() {
        users++;
    }

    void leave() {
        users--;
    }
}
