package io.tidemark.benchmark;

import io.tidemark.adapter.AdapterStats;
import io.tidemark.adapter.AdapterStore;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.generation.GenerationEngine;
import java.util.List;
import java.util.OptionalLong;
import java.util.function.Consumer;

/** Measures what many adapters in little memory cost, against all of them in memory, in one process. */
public final class AdapterBenchmark {

    private final LanguageModel model;
    private final AdapterLoad load;

    /**
     * One run over all requests.
     *
     * @param tokensPerSecond over the whole run
     * @param mostBytes       that adapters took at any time
     * @param ownBytes        the process's own memory at the end, mapped files not counted
     * @param stats           the store's, of this run
     */
    public record Run(double tokensPerSecond, long mostBytes, OptionalLong ownBytes, AdapterStats stats) {

        /** The share of requests whose adapter was in memory. */
        public double hitRate() {
            return (double) stats.hits() / stats.leases();
        }

        /** The mean; 0 where nothing was loaded. */
        public double secondsPerLoad() {
            return stats.loads() == 0 ? 0 : stats.loadNanos() / 1e9 / stats.loads();
        }
    }

    public AdapterBenchmark(LanguageModel model, AdapterLoad load) {
        this.model = model;
        this.load = load;
    }

    /** The requests with the budget. */
    public Run bounded() {
        try (AdapterStore store = load.store(model, load.budget())) {
            return run(store);
        }
    }

    /**
     * The same requests with every adapter that they ask for in memory before the first.
     *
     * @param loaded hears how many those are
     */
    public Run resident(Consumer<Integer> loaded) {
        try (AdapterStore store = load.store(model, Long.MAX_VALUE)) {
            List<String> used = load.adaptersAsked().stream().distinct().toList();
            used.forEach(id -> store.awaitLease(id).close());
            loaded.accept(used.size());
            return run(store);
        }
    }

    private Run run(AdapterStore store) {
        AdapterStats before = store.stats();
        try (GenerationEngine engine = load.engine(model)) {
            AdapterTraffic.Served served = new AdapterTraffic(model, engine, store, 3 * load.maxNumSeqs())
                    .serve(load.adaptersAsked(), AdapterLoad.PROMPT_TOKENS, load.tokens());
            return new Run(
                    served.tokensPerSecond(),
                    served.mostBytes(),
                    ProcessMemory.ownBytes(),
                    since(before, served.stats()));
        }
    }

    private static AdapterStats since(AdapterStats before, AdapterStats now) {
        return new AdapterStats(
                now.registered(),
                now.resident(),
                now.residentBytes(),
                now.leases() - before.leases(),
                now.hits() - before.hits(),
                now.loads() - before.loads(),
                now.loadNanos() - before.loadNanos(),
                now.evictions() - before.evictions(),
                now.failures() - before.failures());
    }
}
