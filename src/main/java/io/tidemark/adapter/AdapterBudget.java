package io.tidemark.adapter;

/**
 * The bytes that all adapters may take together, and what one is thought to take before it was ever loaded: as much for
 * each byte of its file as the greediest so far. Guarded by the store's lock, but for {@link #require}.
 */
final class AdapterBudget {

    private final long bytes;
    private double perFileByte = 1;

    AdapterBudget(long bytes) {
        this.bytes = bytes;
    }

    /** @throws AdapterRefused when the budget could never hold so much */
    void require(Registration adapter, long wanted) {
        if (wanted > bytes) {
            throw AdapterRefused.broken(
                    adapter.folder(),
                    "takes " + wanted + " bytes, more than the " + bytes
                            + " that all adapters may take together (tidemark.engine.adapter-bytes)");
        }
    }

    /** @throws AdapterRefused as above; the adapter is freed then */
    void require(Registration adapter, LoadedAdapter loaded) {
        try {
            require(adapter, loaded.weights().bytes());
        } catch (AdapterRefused e) {
            loaded.weights().close();
            throw e;
        }
    }

    /** Bytes to make room for; a guess beyond the budget says nothing against the adapter. */
    long expected(Registration adapter) {
        return Math.min(bytes, adapter.bytes(perFileByte));
    }

    /** What an adapter took, for the guesses to come. */
    void learn(Registration adapter, long taken) {
        perFileByte = Math.max(perFileByte, (double) taken / adapter.fileBytes());
    }
}
