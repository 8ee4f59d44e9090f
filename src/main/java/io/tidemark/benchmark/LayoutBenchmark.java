package io.tidemark.benchmark;

import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.evaluation.Spread;
import io.tidemark.generation.EngineLayout;
import io.tidemark.generation.EngineLimits;
import io.tidemark.generation.FinishReason;
import io.tidemark.generation.GenerationEngine;
import io.tidemark.generation.GenerationParams;
import io.tidemark.generation.GenerationRequest;
import io.tidemark.generation.Outcome;
import io.tidemark.generation.RequestRejectedException;
import io.tidemark.generation.StopConditions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;

/**
 * Compares the engine's default layout, which decides by measured times whether instances share a step, with fixed
 * ones. One engine runs at a time, since the threads of several would be more than the processors. Layouts alternate in
 * short slots with the same requests, so that a disturbance of the machine affects all of them.
 */
public final class LayoutBenchmark {

    /** The part of a slot before its measurement. */
    private static final double WARM_UP = 0.3;

    private static final long POLL_MILLIS = 1;
    private static final int RESAMPLES = 4000;

    private final LanguageModel model;
    private final List<LoraWeights> adapters;
    private final Requests requests;
    private final List<EngineLayout> layouts;

    /**
     * @param promptTokens prompt tokens of each request, 1 or more
     * @param newTokens    tokens that each request generates, 1 or more
     */
    public record Requests(int promptTokens, int newTokens) {}

    /**
     * @param rows  number of requests that are always open
     * @param mixed whether they use the adapters in turn; false for the base model
     */
    public record Cell(int rows, boolean mixed) {}

    /**
     * Generated tokens per second of each layout in each round; the first layout is the default.
     *
     * @param rates by layout, then by round
     */
    public record Rates(Cell cell, List<List<Double>> rates) {

        public Rates {
            rates = rates.stream().map(List::copyOf).toList();
        }

        /** The median of a layout. */
        public double median(int layout) {
            return Spread.of(rates.get(layout)).median();
        }

        /** The index of the fixed layout with the highest median. */
        public int bestFixed() {
            return IntStream.range(1, rates.size())
                    .reduce((a, b) -> median(b) > median(a) ? b : a)
                    .orElseThrow();
        }

        /** The rates of the default over those of the best fixed layout, by round. */
        public List<Double> ratios() {
            List<Double> best = rates.get(bestFixed());
            return IntStream.range(0, best.size())
                    .mapToObj(round -> rates.get(0).get(round) / best.get(round))
                    .toList();
        }

        /** The limits of the 95% interval of the median ratio, by resampling the rounds. */
        public double[] interval() {
            double[] ratios =
                    ratios().stream().mapToDouble(Double::doubleValue).toArray();
            Random random = new Random(1);
            double[] medians = DoubleStream.generate(() -> Spread.of(random.ints(ratios.length, 0, ratios.length)
                                    .mapToObj(round -> ratios[round])
                                    .toList())
                            .median())
                    .limit(RESAMPLES)
                    .toArray();
            Arrays.sort(medians);
            return new double[] {medians[(int) (0.025 * RESAMPLES)], medians[(int) (0.975 * RESAMPLES)]};
        }
    }

    /** @param adapters of the mixed cells */
    public LayoutBenchmark(LanguageModel model, List<LoraWeights> adapters, Requests requests) {
        this.model = model;
        this.adapters = List.copyOf(adapters);
        this.requests = requests;
        this.layouts = layouts(model);
    }

    /** The default layout, then fixed ones with 1, 2, 4, … threads, the last one with all of them. */
    private static List<EngineLayout> layouts(LanguageModel model) {
        int processors = model.decoder().threads();
        List<EngineLayout> layouts = new ArrayList<>();
        layouts.add(EngineLayout.of(model.decoder(), 0, 0));
        for (int threads = 1; threads < processors; threads *= 2) {
            layouts.add(EngineLayout.fixed(processors / threads, threads));
        }
        layouts.add(EngineLayout.single(processors));
        return layouts;
    }

    /** The compared layouts, the default first. */
    public List<EngineLayout> compared() {
        return layouts;
    }

    /**
     * Runs all cells in every round.
     *
     * @param rounds               number of measured rounds; another one warms up
     * @param slot                 time for one layout in one cell and round
     * @param prefillTokensPerStep the limit of the engine
     * @throws IllegalStateException when a request is refused or fails
     */
    public List<Rates> run(List<Cell> cells, int rounds, Duration slot, int prefillTokensPerStep) {
        int rows = cells.stream().mapToInt(Cell::rows).max().orElseThrow();
        long kvBytes = 4L * (rows + 8) * (requests.promptTokens() + requests.newTokens() + 128L)
                * model.decoder().kvBytesPerToken();
        EngineLimits limits = new EngineLimits(rows, prefillTokensPerStep, kvBytes);
        List<GenerationEngine> engines = new ArrayList<>();
        for (EngineLayout layout : layouts) {
            GenerationEngine engine = GenerationEngine.start(model, limits, layout);
            engine.close();
            engines.add(engine);
        }
        List<Rates> rates = new ArrayList<>();
        List<List<List<Double>>> measured = new ArrayList<>();
        cells.forEach(cell -> measured.add(layouts.stream()
                .<List<Double>>map(layout -> new ArrayList<>())
                .toList()));
        for (int round = 0; round <= rounds; round++) {
            for (int cell = 0; cell < cells.size(); cell++) {
                for (int i = 0; i < layouts.size(); i++) {
                    int layout = (i + round) % layouts.size();
                    GenerationEngine engine = engines.get(layout).restart();
                    engines.set(layout, engine);
                    double rate;
                    try (engine) {
                        rate = slot(engine, cells.get(cell), slot);
                    }
                    if (round > 0) {
                        measured.get(cell).get(layout).add(rate);
                    }
                }
            }
        }
        for (int cell = 0; cell < cells.size(); cell++) {
            rates.add(new Rates(cells.get(cell), measured.get(cell)));
        }
        return rates;
    }

    private double slot(GenerationEngine engine, Cell cell, Duration slot) {
        OpenRequests open = new OpenRequests(engine, cell);
        long start = System.nanoTime();
        open.start();
        Sample before = sample(engine, open, start + (long) (WARM_UP * slot.toNanos()));
        Sample after = sample(engine, open, start + slot.toNanos());
        open.end();
        return (after.tokens() - before.tokens()) * 1e9 / (after.nanos() - before.nanos());
    }

    /** The number of generated tokens when it changes for the first time after a point in time. */
    private static Sample sample(GenerationEngine engine, OpenRequests open, long nanos) {
        sleep(Math.max(1, (nanos - System.nanoTime()) / 1_000_000));
        long tokens = engine.stats().generatedTokens();
        while (engine.stats().generatedTokens() == tokens && !open.hasFailed()) {
            sleep(POLL_MILLIS);
        }
        return new Sample(engine.stats().generatedTokens(), System.nanoTime());
    }

    private record Sample(long tokens, long nanos) {}

    private static void sleep(long millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("the benchmark was interrupted", e);
        }
    }

    /** Keeps a number of requests open: each that ends is followed by the next one. */
    private final class OpenRequests {

        private final GenerationEngine engine;
        private final Cell cell;
        private final Map<String, CompletableFuture<Void>> open = new ConcurrentHashMap<>();
        private final CompletableFuture<Void> failure = new CompletableFuture<>();
        private volatile boolean ends;

        private OpenRequests(GenerationEngine engine, Cell cell) {
            this.engine = engine;
            this.cell = cell;
        }

        /** The first requests are shorter, so that requests do not all end in the same step. */
        private void start() {
            for (int row = 0; row < cell.rows(); row++) {
                submit(row, Math.max(1, requests.newTokens() * (row + 1) / cell.rows()));
            }
        }

        /** @param number of the request; its prompt depends on it */
        private void submit(int number, int newTokens) {
            String id = "bench-" + number;
            Random random = new Random(number);
            open.put(id, new CompletableFuture<>());
            Optional<LoraWeights> lora =
                    cell.mixed() ? Optional.of(adapters.get(number % adapters.size())) : Optional.empty();
            try {
                engine.submit(
                        new GenerationRequest(
                                id,
                                random.ints(requests.promptTokens(), 0, model.config().vocabularySize())
                                        .boxed()
                                        .toList(),
                                GenerationParams.greedy(StopConditions.afterExactly(newTokens)),
                                lora,
                                Boundary.full(model.config().numLayers())),
                        outcome -> ended(number, outcome));
            } catch (RequestRejectedException e) {
                failure.completeExceptionally(new IllegalStateException(e.getMessage(), e));
                open.remove(id);
            }
        }

        private void ended(int number, Outcome outcome) {
            if (outcome instanceof Outcome.Failure failed) {
                failure.completeExceptionally(new IllegalStateException(failed.code() + ": " + failed.message()));
            } else if (!ends) {
                submit(number + cell.rows(), requests.newTokens());
            }
            open.remove("bench-" + number).complete(null);
        }

        private boolean hasFailed() {
            return failure.isDone();
        }

        /** Ends the open requests. */
        private void end() {
            ends = true;
            while (!open.isEmpty()) {
                List<CompletableFuture<Void>> last = List.copyOf(open.values());
                open.keySet().forEach(id -> engine.cancel(id, FinishReason.CANCELLED));
                last.forEach(CompletableFuture::join);
            }
            if (hasFailed()) {
                failure.join();
            }
        }
    }
}
