package io.tidemark.benchmark;

import io.tidemark.boundary.Boundary;
import io.tidemark.calibration.StudentT;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.generation.EngineLimits;
import io.tidemark.generation.EngineStats;
import io.tidemark.generation.GenerationEngine;
import io.tidemark.generation.GenerationParams;
import io.tidemark.generation.GenerationRequest;
import io.tidemark.generation.Outcome;
import io.tidemark.generation.RequestRejectedException;
import io.tidemark.generation.StopConditions;
import io.tidemark.generation.layout.EngineLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/**
 * Compares the engine's default layout, which decides by measured times whether instances share a step, with fixed
 * ones. There is an engine for each layout. They run in turn for short slots, while the others are paused between two
 * steps, because the threads of several would be more than the processors. A disturbance of the machine therefore
 * affects all of them. Every second round has them in reverse order.
 *
 * <p>As many requests are open at a time as the case has rows. When one ends, another follows. The first ones have
 * different lengths, so that prompts and ends are spread over the time, as they are in a worker.
 */
public final class LayoutBenchmark {

    /** The least number of rounds for an interval. */
    public static final int MIN_ROUNDS = 6;

    /**
     * Before its first round, each instance of a layout runs at least this many steps, and more until its packed
     * adapters stay as they are, but at most {@code MAX_WARM_UP_STEPS}. The first steps have prompts, whose adapters
     * are not packed.
     */
    private static final int MIN_WARM_UP_STEPS = 64;

    private static final int MAX_WARM_UP_STEPS = 1024;
    /** The most time that a fixed layout runs after that, when all have compiled the code that they use. */
    private static final Duration WARM_UP_OF_FIXED = Duration.ofSeconds(10);
    /** Time between two checks whether packed adapters still change. */
    private static final Duration POLL = Duration.ofMillis(1);

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
     * @param rows  number of requests that are open at a time
     * @param mixed whether they use the adapters in turn; false for the base model
     */
    public record Cell(int rows, boolean mixed) {}

    /**
     * What a cell has measured. The first layout is the default.
     *
     * @param rates        generated tokens per second, by layout, then by round
     * @param jointPerStep joint steps of the default in all rounds, divided by its steps, in which a joint step counts
     *                     once for each instance with rows in it
     */
    public record Rates(Cell cell, List<List<Double>> rates, double jointPerStep) {

        public Rates {
            rates = rates.stream().map(List::copyOf).toList();
        }

        /** The geometric mean of a layout. */
        public double mean(int layout) {
            return Math.exp(
                    rates.get(layout).stream().mapToDouble(Math::log).average().orElseThrow());
        }

        /** The geometric mean of the ratios of the rounds. */
        public double ratio() {
            return Math.exp(Arrays.stream(logRatios()).average().orElseThrow());
        }

        /**
         * The limits of the 95% interval of the ratio: Student's t on the logarithms of the ratios of the rounds.
         *
         * @throws IllegalStateException if there are fewer than two rounds
         */
        public double[] interval() {
            double[] logs = logRatios();
            double mean = Arrays.stream(logs).average().orElseThrow();
            double squares =
                    Arrays.stream(logs).map(log -> (log - mean) * (log - mean)).sum();
            double half = StudentT.upper975(logs.length - 1) * Math.sqrt(squares / (logs.length - 1) / logs.length);
            return new double[] {Math.exp(mean - half), Math.exp(mean + half)};
        }

        /**
         * The logarithm of each round's ratio of the default to the best fixed layout. Even rounds choose the best one
         * for odd rounds, and the reverse: a layout that is chosen by its own round is the one that chance favoured.
         */
        private double[] logRatios() {
            int rounds = rates.get(0).size();
            if (rounds < 2) {
                throw new IllegalStateException("a ratio needs two rounds or more, not " + rounds);
            }
            return IntStream.range(0, rounds)
                    .mapToDouble(round -> logRate(0, round) - logRate(bestFixedFor(round), round))
                    .toArray();
        }

        /** The fixed layout with the highest geometric mean in the rounds of the other half. */
        private int bestFixedFor(int round) {
            ToDoubleFunction<Integer> others =
                    layout -> IntStream.range(0, rates.get(layout).size())
                            .filter(other -> other % 2 != round % 2)
                            .mapToDouble(other -> logRate(layout, other))
                            .sum();
            return IntStream.range(1, rates.size())
                    .boxed()
                    .max(Comparator.comparingDouble(others))
                    .orElseThrow();
        }

        private double logRate(int layout, int round) {
            return Math.log(rates.get(layout).get(round));
        }
    }

    /**
     * @param adapters of the mixed cells, which need at least one
     * @throws IllegalArgumentException if the model is on a GPU, where there is one layout
     */
    public LayoutBenchmark(LanguageModel model, List<LoraWeights> adapters, Requests requests) {
        this.model = model;
        this.adapters = List.copyOf(adapters);
        this.requests = requests;
        if (model.decoder().isOnGpu()) {
            throw new IllegalArgumentException("layouts are compared on a CPU; on a GPU the engine has one instance");
        }
        this.layouts = layouts(model);
    }

    private static List<EngineLayout> layouts(LanguageModel model) {
        List<EngineLayout> layouts = new ArrayList<>();
        layouts.add(EngineLayout.of(model.decoder(), 0, 0));
        layouts.addAll(fixed(model.decoder().threads()));
        return layouts;
    }

    /** Fixed layouts that use all processors: instances of 1, 2, 4, … threads, and one instance with all of them. */
    static List<EngineLayout> fixed(int processors) {
        List<EngineLayout> layouts = new ArrayList<>();
        for (int threads = 1; threads < processors; threads *= 2) {
            if (processors % threads == 0) {
                layouts.add(EngineLayout.fixed(processors / threads, threads));
            }
        }
        layouts.add(EngineLayout.single(processors));
        return layouts;
    }

    /** The compared layouts, the default first. */
    public List<EngineLayout> compared() {
        return layouts;
    }

    /**
     * Runs the cells one after another. In each cell all layouts warm up, and then alternate.
     *
     * @param rounds               number of rounds of a cell
     * @param warmUp               time that the default layout runs before the first round. It tries other widths most
     *                             often in its first seconds. A worker has this cost for each new number of rows.
     * @param slot                 time that a layout runs in a round; a slot also includes the end of its last step
     * @param prefillTokensPerStep the limit of the engine
     * @param onCell               called after each cell
     * @throws IllegalStateException when a request is refused or fails
     */
    public void run(
            List<Cell> cells,
            int rounds,
            Duration warmUp,
            Duration slot,
            int prefillTokensPerStep,
            Consumer<Rates> onCell) {
        int rows = cells.stream().mapToInt(Cell::rows).max().orElseThrow();
        long kvBytes = 4L
                * (rows + 8)
                * (requests.promptTokens() + requests.newTokens() + 128L)
                * model.decoder().kvBytesPerToken();
        EngineLimits limits = new EngineLimits(rows, prefillTokensPerStep, kvBytes);
        for (Cell cell : cells) {
            onCell.accept(run(cell, rounds, warmUp, slot, limits));
        }
    }

    private Rates run(Cell cell, int rounds, Duration warmUp, Duration slot, EngineLimits limits) {
        List<Load> loads = new ArrayList<>();
        try {
            for (EngineLayout layout : layouts) {
                Load load = new Load(GenerationEngine.start(model, limits, layout), cell);
                loads.add(load);
                load.submit();
                load.runUntilStable(layout.instances());
            }
            loads.get(0).run(warmUp);
            Duration warmUpOfFixed = Collections.min(List.of(warmUp, WARM_UP_OF_FIXED));
            loads.subList(1, loads.size()).forEach(load -> load.run(warmUpOfFixed));
            List<List<Double>> rates =
                    loads.stream().<List<Double>>map(load -> new ArrayList<>()).toList();
            EngineStats before = loads.get(0).engine.stats();
            for (int round = 0; round < rounds; round++) {
                for (int i = 0; i < loads.size(); i++) {
                    int layout = round % 2 == 0 ? i : loads.size() - 1 - i;
                    rates.get(layout).add(loads.get(layout).run(slot));
                }
            }
            EngineStats after = loads.get(0).engine.stats();
            double jointPerStep =
                    (double) (after.jointSteps() - before.jointSteps()) / (after.steps() - before.steps());
            return new Rates(cell, rates, jointPerStep);
        } finally {
            loads.forEach(Load::close);
        }
    }

    /**
     * The open requests of an engine. Callbacks run on its threads and submit the next ones. The engine is paused
     * except in calls of {@link #runFor}.
     */
    private final class Load implements AutoCloseable {

        private final GenerationEngine engine;
        private final Cell cell;
        /** Completed with the reason if a request is refused or fails. */
        private final CompletableFuture<Void> failure = new CompletableFuture<>();

        private volatile boolean closing;

        /** @param engine closed with this */
        private Load(GenerationEngine engine, Cell cell) {
            this.engine = engine;
            this.cell = cell;
            engine.pause();
        }

        /** Submits the first requests. */
        private void submit() {
            for (int row = 0; row < cell.rows(); row++) {
                submit(row, 0, Math.max(1, requests.newTokens() * (row + 1) / cell.rows()));
            }
        }

        /** Runs until packed adapters do not change any more. */
        private void runUntilStable(int instances) {
            long steps = 0;
            while (steps < MIN_WARM_UP_STEPS * instances
                    || !engine.isStable() && steps < MAX_WARM_UP_STEPS * instances) {
                runFor(POLL);
                steps = engine.stats().steps();
            }
        }

        /**
         * Runs for a while. Returns generated tokens per second.
         *
         * @throws IllegalStateException if a request is refused or fails, or if no token was generated
         */
        private double run(Duration slot) {
            long tokens = engine.stats().generatedTokens();
            long nanos = runFor(slot);
            long generated = engine.stats().generatedTokens() - tokens;
            if (generated == 0) {
                throw new IllegalStateException(
                        "no token was generated in " + slot.toMillis() + " ms; give each layout more time in a round");
            }
            return generated * 1e9 / nanos;
        }

        /** Returns the nanoseconds until the last steps have ended, on average over the instances. */
        private long runFor(Duration time) {
            long start = System.nanoTime();
            engine.resume();
            awaitFailure(time);
            long end = engine.pause();
            awaitFailure(Duration.ZERO);
            return end - start;
        }

        private void awaitFailure(Duration time) {
            try {
                failure.get(time.toNanos(), TimeUnit.NANOSECONDS);
            } catch (TimeoutException e) {
                // no failure
            } catch (ExecutionException e) {
                throw new IllegalStateException(e.getCause().getMessage(), e.getCause());
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException("the benchmark was interrupted", e);
            }
        }

        /** @param count number of earlier requests of this row */
        private void submit(int row, int count, int newTokens) {
            try {
                engine.submit(request(row, count, newTokens), outcome -> {
                    if (outcome instanceof Outcome.Failure failed) {
                        failure.completeExceptionally(
                                new IllegalStateException(failed.code() + ": " + failed.message()));
                    } else if (!closing) {
                        submit(row, count + 1, requests.newTokens());
                    }
                });
            } catch (RequestRejectedException | IllegalStateException e) {
                failure.completeExceptionally(e);
            }
        }

        private GenerationRequest request(int row, int count, int newTokens) {
            Optional<LoraWeights> lora =
                    cell.mixed() ? Optional.of(adapters.get(row % adapters.size())) : Optional.empty();
            return new GenerationRequest(
                    "bench-" + row + "-" + count,
                    new Random(row + (long) cell.rows() * count)
                            .ints(requests.promptTokens(), 0, model.config().vocabularySize())
                            .boxed()
                            .toList(),
                    GenerationParams.greedy(StopConditions.afterExactly(newTokens)),
                    lora,
                    Boundary.full(model.config().numLayers()));
        }

        @Override
        public void close() {
            closing = true;
            engine.close();
        }
    }
}
