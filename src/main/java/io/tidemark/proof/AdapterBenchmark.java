package io.tidemark.proof;

import io.tidemark.adapter.AdapterFigures;
import io.tidemark.adapter.AdapterLease;
import io.tidemark.adapter.AdapterStore;
import io.tidemark.generation.EngineLimits;
import io.tidemark.generation.GenerationEngine;
import io.tidemark.model.LanguageModel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.SortedMap;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/** Measures what many adapters in little memory cost, against all of them in memory, in one process. */
public final class AdapterBenchmark {

    private static final int PREFILL_TOKENS = 256;
    private static final int PROMPT_TOKENS = 32;
    private static final double ZIPF = 1;

    private final LanguageModel model;
    private final SortedMap<String, Path> folders;
    private final Load load;

    /**
     * What is asked of the engine.
     *
     * @param budget   bytes for adapters
     * @param requests how many, of {@code tokens} tokens each
     * @param slots    rows that run together; twice as many requests wait behind them
     */
    public record Load(long budget, int requests, int tokens, int slots) {
    }

    /**
     * One run over all requests.
     *
     * @param tokensPerSecond over the whole run
     * @param mostBytes       that adapters took at any time
     * @param ownBytes        the process's own memory at the end, mapped files not counted
     * @param figures         the store's, of this run
     */
    public record Run(double tokensPerSecond, long mostBytes, OptionalLong ownBytes, AdapterFigures figures) {

        public double hitRate() {
            return (double) figures.hits() / figures.leases();
        }

        public double secondsPerLoad() {
            return figures.loads() == 0 ? 0 : figures.loadNanos() / 1e9 / figures.loads();
        }
    }

    /** Seconds between the tokens of running rows, sorted: with no load beside them, and with one load after another. */
    public record Gaps(List<Double> quiet, List<Double> loading, long loads) {

        public double ratio(double quantile) {
            return at(loading, quantile) / at(quiet, quantile);
        }

        public static double at(List<Double> sorted, double quantile) {
            return sorted.get((int) Math.min(sorted.size() - 1L, Math.round(quantile * (sorted.size() - 1))));
        }
    }

    public AdapterBenchmark(LanguageModel model, SortedMap<String, Path> folders, Load load) {
        this.model = model;
        this.folders = folders;
        this.load = load;
    }

    /** The requests with the budget. */
    public Run bounded() {
        try (AdapterStore store = store(load.budget())) {
            return run(store);
        }
    }

    /** The same requests with every adapter that they ask for in memory before the first. */
    public Run resident(Consumer<Integer> loaded) {
        try (AdapterStore store = store(Long.MAX_VALUE)) {
            List<String> used = requests().stream().distinct().toList();
            used.forEach(id -> store.waitFor(id).close());
            loaded.accept(used.size());
            return run(store);
        }
    }

    private Run run(AdapterStore store) {
        AdapterFigures before = store.figures();
        try (GenerationEngine engine = engine()) {
            AdapterTraffic.Served served = new AdapterTraffic(model, engine, store, 3 * load.slots())
                    .serve(requests(), PROMPT_TOKENS, load.tokens());
            return new Run(served.tokensPerSecond(), served.mostBytes(), ProcessMemory.ownBytes(), since(before, served.figures()));
        }
    }

    /**
     * Rows of one adapter run all the time; in turn nothing else happens, and adapters are loaded one after another.
     *
     * @param turns of each
     */
    public Gaps gaps(int turns) {
        List<Double> quiet = new ArrayList<>();
        List<Double> loading = new ArrayList<>();
        try (AdapterStore store = store(load.budget()); GenerationEngine engine = engine();
                AdapterLease lease = store.waitFor(folders.firstKey())) {
            AdapterTraffic traffic = new AdapterTraffic(model, engine, store, load.slots());
            rows(traffic, lease);
            long before = store.figures().loads();
            for (int turn = 0; turn < turns; turn++) {
                quiet.addAll(rows(traffic, lease));
                loading.addAll(besideLoads(store, () -> rows(traffic, lease)));
            }
            return new Gaps(sorted(quiet), sorted(loading), store.figures().loads() - before);
        }
    }

    private List<Double> besideLoads(AdapterStore store, Supplier<List<Double>> rows) {
        AtomicBoolean running = new AtomicBoolean(true);
        List<String> cold = List.copyOf(folders.tailMap(folders.firstKey() + "\0").keySet());
        Thread asking = new Thread(() -> {
            // more than fit, in a circle: the one that is asked for next is always the one that left first
            for (int i = 0; running.get(); i++) {
                store.waitFor(cold.get(i % cold.size())).close();
            }
        }, "tidemark-bench-cold");
        asking.start();
        try {
            return rows.get();
        } finally {
            running.set(false);
            join(asking);
        }
    }

    private List<Double> rows(AdapterTraffic traffic, AdapterLease lease) {
        List<TokenGaps> rows = IntStream.range(0, load.slots()).mapToObj(row -> new TokenGaps()).toList();
        for (int row = 0; row < rows.size(); row++) {
            traffic.generate("row-" + row, lease, traffic.prompt(row, PROMPT_TOKENS), 4 * load.tokens(), rows.get(row));
        }
        return rows.stream().flatMap(row -> row.await().stream()).toList();
    }

    private AdapterStore store(long budget) {
        AdapterStore store = new AdapterStore(model, budget);
        folders.forEach(store::register);
        return store;
    }

    private GenerationEngine engine() {
        long row = (PROMPT_TOKENS + 4L * load.tokens()) * model.config().kvBytesPerToken();
        return GenerationEngine.start(model, new EngineLimits(load.slots(), PREFILL_TOKENS, 4 * load.slots() * row));
    }

    /** The same for every run. */
    private List<String> requests() {
        List<String> ids = List.copyOf(folders.keySet());
        ZipfDistribution popularity = new ZipfDistribution(ids.size(), ZIPF);
        SplittableRandom random = new SplittableRandom(1);
        return IntStream.range(0, load.requests()).mapToObj(i -> ids.get(popularity.next(random))).toList();
    }

    private static AdapterFigures since(AdapterFigures before, AdapterFigures now) {
        return new AdapterFigures(now.registered(), now.resident(), now.residentBytes(), now.leases() - before.leases(),
                now.hits() - before.hits(), now.loads() - before.loads(), now.loadNanos() - before.loadNanos(),
                now.evictions() - before.evictions(), now.failures() - before.failures());
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
