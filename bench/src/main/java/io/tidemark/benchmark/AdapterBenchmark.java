package io.tidemark.benchmark;

import io.tidemark.adapter.AdapterLease;
import io.tidemark.adapter.AdapterStats;
import io.tidemark.adapter.AdapterStore;
import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.generation.Completion;
import io.tidemark.generation.EngineRequest;
import io.tidemark.generation.GenerationEngine;
import io.tidemark.generation.GenerationListener;
import io.tidemark.generation.GenerationParams;
import io.tidemark.generation.Outcome;
import io.tidemark.generation.RequestRejectedException;
import io.tidemark.generation.StopConditions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.IntConsumer;
import java.util.function.Supplier;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/**
 * Measures many adapters in bounded memory: throughput compared with all adapters in memory, and the time between
 * tokens of running sequences while other adapters are loaded.
 *
 * <p>A request leases its adapter first and is then submitted to the engine, as in the worker.
 */
public final class AdapterBenchmark {

    private static final Path PROCESS_STATUS = Path.of("/proc/self/status");
    private static final String RESIDENT_ANONYMOUS = "RssAnon:";

    private final LanguageModel model;
    private final AdapterWorkload workload;

    /**
     * The measurements of one run over all requests.
     *
     * @param tokensPerSecond  generated tokens over the whole run
     * @param maxAdapterBytes  maximum memory of loaded adapters, in bytes
     * @param processBytes     resident memory of the process at the end without mapped files; empty if unknown
     * @param stats            statistics of the adapter store for this run
     */
    public record Run(double tokensPerSecond, long maxAdapterBytes, OptionalLong processBytes, AdapterStats stats) {

        /** The share of requests whose adapter was in memory. */
        public double hitRate() {
            return (double) stats.hits() / stats.leases();
        }

        /** The mean time of a load; 0 if nothing was loaded. */
        public double secondsPerLoad() {
            return stats.loads() == 0 ? 0 : stats.loadNanos() / 1e9 / stats.loads();
        }
    }

    /**
     * The times between two tokens of running sequences, in seconds, ascending.
     *
     * @param quiet   times while no adapter is loaded
     * @param loading times while adapters are loaded one after another
     * @param loads   number of adapters that were loaded
     */
    public record InterTokenLatencies(List<Double> quiet, List<Double> loading, long loads) {

        /** The quantile with loads over the quantile without. */
        public double ratio(double quantile) {
            return at(loading, quantile) / at(quiet, quantile);
        }

        /** Returns a quantile of a sorted list. */
        public static double at(List<Double> sorted, double quantile) {
            return sorted.get((int) Math.min(sorted.size() - 1L, Math.round(quantile * (sorted.size() - 1))));
        }
    }

    public AdapterBenchmark(LanguageModel model, AdapterWorkload workload) {
        this.model = model;
        this.workload = workload;
    }

    /** Runs all requests with adapters in the memory budget. */
    public Run bounded() {
        try (AdapterStore store = workload.store(model, workload.budget())) {
            return run(store);
        }
    }

    /**
     * Loads every requested adapter, then runs the same requests.
     *
     * @param loaded receives the number of loaded adapters before the run
     */
    public Run resident(IntConsumer loaded) {
        try (AdapterStore store = workload.store(model, Long.MAX_VALUE)) {
            List<String> requested =
                    workload.requestedAdapters().stream().distinct().toList();
            requested.forEach(id -> store.awaitLease(id).close());
            loaded.accept(requested.size());
            return run(store);
        }
    }

    private Run run(AdapterStore store) {
        AdapterStats before = store.stats();
        try (GenerationEngine engine = workload.engine(model)) {
            List<String> adapters = workload.requestedAdapters();
            Semaphore open = new Semaphore(3 * workload.maxNumSeqs());
            List<CompletableFuture<Integer>> completions = new ArrayList<>();
            long maxBytes = 0;
            long start = System.nanoTime();
            for (int i = 0; i < adapters.size(); i++) {
                open.acquireUninterruptibly();
                completions.add(
                        complete(engine, store, adapters.get(i), i).whenComplete((count, failure) -> open.release()));
                maxBytes = Math.max(maxBytes, store.stats().residentBytes());
            }
            long tokens =
                    completions.stream().mapToLong(CompletableFuture::join).sum();
            double seconds = (System.nanoTime() - start) / 1e9;
            return new Run(tokens / seconds, maxBytes, processBytes(), since(before, store.stats()));
        }
    }

    /** Completes with the number of generated tokens. */
    private CompletableFuture<Integer> complete(
            GenerationEngine engine, AdapterStore store, String adapter, int number) {
        return store.lease(adapter).thenCompose(lease -> {
            CompletableFuture<Integer> tokens;
            try {
                tokens = engine.submit(request("request-" + number, lease, prompt(number), workload.tokens()))
                        .thenApply(AdapterBenchmark::tokens);
            } catch (RequestRejectedException e) {
                tokens = CompletableFuture.failedFuture(e);
            }
            return tokens.whenComplete((count, failure) -> lease.close());
        });
    }

    private static int tokens(Outcome outcome) {
        if (outcome instanceof Completion completion) {
            return completion.usage().completionTokens();
        }
        throw new IllegalStateException("a request of the benchmark failed: " + outcome);
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
                now.failures() - before.failures(),
                now.hangingLoads());
    }

    private static OptionalLong processBytes() {
        try {
            return Files.readAllLines(PROCESS_STATUS).stream()
                    .filter(line -> line.startsWith(RESIDENT_ANONYMOUS))
                    .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) * 1024)
                    .findFirst();
        } catch (IOException e) {
            return OptionalLong.empty();
        }
    }

    /**
     * Measures the time between tokens of sequences that use one adapter, in turn without loads and while other
     * adapters are loaded one after another.
     *
     * @param repetitions repetitions of each
     * @throws IllegalStateException when the budget is smaller than two adapters, so that no load could finish
     */
    public InterTokenLatencies interTokenLatencies(int repetitions) {
        List<Double> quiet = new ArrayList<>();
        List<Double> loading = new ArrayList<>();
        try (AdapterStore store = workload.store(model, workload.budget());
                GenerationEngine engine = workload.engine(model);
                AdapterLease lease = store.awaitLease(workload.folders().firstKey())) {
            requireTwoAdapters(lease.adapter().weights().bytes());
            latencies(engine, lease);
            long before = store.stats().loads();
            for (int repetition = 0; repetition < repetitions; repetition++) {
                quiet.addAll(latencies(engine, lease));
                loading.addAll(whileLoading(store, () -> latencies(engine, lease)));
            }
            return new InterTokenLatencies(
                    sorted(quiet), sorted(loading), store.stats().loads() - before);
        }
    }

    private void requireTwoAdapters(long adapterBytes) {
        if (workload.budget() < 2 * adapterBytes) {
            throw new IllegalStateException("loads during generation need a budget of two adapters, " + 2 * adapterBytes
                    + " bytes, not " + workload.budget());
        }
    }

    private List<Double> whileLoading(AdapterStore store, Supplier<List<Double>> measurement) {
        AtomicBoolean running = new AtomicBoolean(true);
        List<String> others = List.copyOf(
                workload.folders().tailMap(workload.folders().firstKey() + "\0").keySet());
        CompletableFuture<Void> loader = CompletableFuture.runAsync(
                () -> {
                    // The adapters do not fit together; requesting them in a circle evicts each one before its next
                    // use.
                    for (int i = 0; running.get(); i++) {
                        store.awaitLease(others.get(i % others.size())).close();
                    }
                },
                task -> new Thread(task, "tidemark-bench-loader").start());
        try {
            return measurement.get();
        } finally {
            running.set(false);
            loader.join();
        }
    }

    /** Runs a full batch of sequences; returns the times between their tokens in seconds. */
    private List<Double> latencies(GenerationEngine engine, AdapterLease lease) {
        List<LatencyRecorder> rows = IntStream.range(0, workload.maxNumSeqs())
                .mapToObj(row -> {
                    LatencyRecorder latencies = new LatencyRecorder();
                    try {
                        engine.submit(request("row-" + row, lease, prompt(row), 4 * workload.tokens()), latencies);
                    } catch (RequestRejectedException e) {
                        throw new CompletionException(e);
                    }
                    return latencies;
                })
                .toList();
        return rows.stream().flatMap(row -> row.finished.join().stream()).toList();
    }

    private EngineRequest request(String id, AdapterLease lease, List<Integer> prompt, int tokens) {
        return new EngineRequest(
                id,
                prompt,
                GenerationParams.greedy(StopConditions.afterExactly(tokens)),
                Optional.of(lease.adapter().weights()),
                Boundary.full(model.config().numLayers()));
    }

    /** Random token ids that differ for each seed, so that no prompt is in the prefix cache. */
    private List<Integer> prompt(int seed) {
        RandomGenerator random = new SplittableRandom(seed);
        return IntStream.range(0, AdapterWorkload.PROMPT_TOKENS)
                .map(i -> random.nextInt(model.config().vocabularySize()))
                .boxed()
                .toList();
    }

    private static List<Double> sorted(List<Double> values) {
        return values.stream().sorted().toList();
    }

    /** Records the times between two chunks of text of one sequence. Called on the engine's thread. */
    private static final class LatencyRecorder implements GenerationListener {

        private final CompletableFuture<List<Double>> finished = new CompletableFuture<>();
        private final List<Double> seconds = new ArrayList<>();
        private long last;

        @Override
        public void onText(int choice, String chunk) {
            long now = System.nanoTime();
            if (last != 0) {
                seconds.add((now - last) / 1e9);
            }
            last = now;
        }

        @Override
        public void onFinished(Outcome outcome) {
            finished.complete(List.copyOf(seconds));
        }
    }
}
