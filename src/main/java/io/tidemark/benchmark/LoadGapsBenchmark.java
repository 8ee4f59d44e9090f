package io.tidemark.benchmark;

import io.tidemark.adapter.AdapterLease;
import io.tidemark.adapter.AdapterStore;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.generation.GenerationEngine;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/** Measures what loads of other adapters cost rows that run: the time between their tokens. */
public final class LoadGapsBenchmark {

    private final LanguageModel model;
    private final AdapterLoad load;

    /**
     * Seconds between the tokens of running rows, sorted.
     *
     * @param quiet   with no load beside them
     * @param loading with one load after another
     * @param loads   how many those were
     */
    public record Gaps(List<Double> quiet, List<Double> loading, long loads) {

        /** How many times as long the gaps are beside loads. */
        public double ratio(double quantile) {
            return at(loading, quantile) / at(quiet, quantile);
        }

        /** The value of a sorted list below which such a share of it lies. */
        public static double at(List<Double> sorted, double quantile) {
            return sorted.get((int) Math.min(sorted.size() - 1L, Math.round(quantile * (sorted.size() - 1))));
        }
    }

    public LoadGapsBenchmark(LanguageModel model, AdapterLoad load) {
        this.model = model;
        this.load = load;
    }

    /**
     * Rows of one adapter run all the time; in turn nothing else happens, and adapters are loaded one after another.
     *
     * @param turns of each
     * @throws IllegalStateException when the budget has no room for a second adapter, which would be waited for for ever
     */
    public Gaps run(int turns) {
        List<Double> quiet = new ArrayList<>();
        List<Double> loading = new ArrayList<>();
        try (AdapterStore store = load.store(model, load.budget());
                GenerationEngine engine = load.engine(model);
                AdapterLease lease = store.awaitLease(load.folders().firstKey())) {
            requireRoomForTwo(lease.adapter().weights().bytes());
            AdapterTraffic traffic = new AdapterTraffic(model, engine, store, load.maxNumSeqs());
            rows(traffic, lease);
            long before = store.stats().loads();
            for (int turn = 0; turn < turns; turn++) {
                quiet.addAll(rows(traffic, lease));
                loading.addAll(besideLoads(store, () -> rows(traffic, lease)));
            }
            return new Gaps(sorted(quiet), sorted(loading), store.stats().loads() - before);
        }
    }

    private void requireRoomForTwo(long adapterBytes) {
        if (load.budget() < 2 * adapterBytes) {
            throw new IllegalStateException("loads beside running rows need a budget of two adapters, "
                    + 2 * adapterBytes + " bytes, not " + load.budget());
        }
    }

    private List<Double> besideLoads(AdapterStore store, Supplier<List<Double>> rows) {
        AtomicBoolean running = new AtomicBoolean(true);
        List<String> cold = List.copyOf(
                load.folders().tailMap(load.folders().firstKey() + "\0").keySet());
        Thread asking = new Thread(
                () -> {
                    // more than fit, in a circle: the one that is asked for next is always the one that left first
                    for (int i = 0; running.get(); i++) {
                        store.awaitLease(cold.get(i % cold.size())).close();
                    }
                },
                "tidemark-bench-cold");
        asking.start();
        try {
            return rows.get();
        } finally {
            running.set(false);
            join(asking);
        }
    }

    private List<Double> rows(AdapterTraffic traffic, AdapterLease lease) {
        List<TokenGaps> rows = IntStream.range(0, load.maxNumSeqs())
                .mapToObj(row -> traffic.gaps(
                        "row-" + row, lease, traffic.prompt(row, AdapterLoad.PROMPT_TOKENS), 4 * load.tokens()))
                .toList();
        return rows.stream().flatMap(row -> row.await().stream()).toList();
    }

    private static List<Double> sorted(List<Double> values) {
        return values.stream().sorted().toList();
    }

    private static void join(Thread thread) {
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
