package io.tidemark.benchmark;

import io.tidemark.boundary.Boundary;
import io.tidemark.calibration.StudentT;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.generation.EngineLimits;
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
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/**
 * Compares the engine's default layout, which decides by measured times whether instances share a step, with fixed
 * ones. One engine runs at a time, since the threads of several would be more than the processors. Layouts alternate in
 * short slots with the same requests, so that a disturbance of the machine affects all of them; every second round has
 * them in reverse order.
 *
 * <p>A slot consists of whole sets of requests: those of a set are submitted together and generate the same number of
 * tokens, and the next set follows when all have ended. The time of a set is that from its submission to its last
 * outcome. A time from the first token on would leave out the first step, in which layouts run different parts of the
 * prompts.
 */
public final class LayoutBenchmark {

    /** The least number of rounds for an interval. */
    public static final int MIN_ROUNDS = 6;

    /** Before its first round, a layout runs until its packed adapters stay as they are, at most this many steps. */
    private static final int MAX_WARM_UP_STEPS = 1024;
    /**
     * The time that each layout runs after that, when all have compiled the code that they use. The default tries other
     * widths most often in its first seconds. A worker has this cost once for each number of rows.
     */
    private static final Duration WARM_UP = Duration.ofSeconds(10);
    /** Tokens of the requests that a new engine runs before the first measured set of a slot. */
    private static final int FIRST_TOKENS = 4;

    private static final long POLL_MILLIS = 1;

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
     * @param rows  number of requests of a set
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
     * @param adapters of the mixed cells
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
     * @param slot                 a slot ends with the first set that ends after this time
     * @param prefillTokensPerStep the limit of the engine
     * @throws IllegalStateException when a request is refused or fails
     */
    public List<Rates> run(List<Cell> cells, int rounds, Duration slot, int prefillTokensPerStep) {
        return run(cells, rounds, WARM_UP, slot, prefillTokensPerStep);
    }

    List<Rates> run(List<Cell> cells, int rounds, Duration warmUp, Duration slot, int prefillTokensPerStep) {
        int rows = cells.stream().mapToInt(Cell::rows).max().orElseThrow();
        long kvBytes = 4L
                * (rows + 8)
                * (requests.promptTokens() + requests.newTokens() + 128L)
                * model.decoder().kvBytesPerToken();
        EngineLimits limits = new EngineLimits(rows, prefillTokensPerStep, kvBytes);
        return cells.stream()
                .map(cell -> run(cell, rounds, warmUp, slot, limits))
                .toList();
    }

    private Rates run(Cell cell, int rounds, Duration warmUp, Duration slot, EngineLimits limits) {
        List<GenerationEngine> engines = new ArrayList<>();
        List<List<Double>> rates = new ArrayList<>();
        for (EngineLayout layout : layouts) {
            GenerationEngine engine = GenerationEngine.start(model, limits, layout);
            try (engine) {
                warmUp(engine, cell);
            }
            engines.add(engine);
            rates.add(new ArrayList<>());
        }
        for (int layout = 0; layout < layouts.size(); layout++) {
            rate(engines, layout, cell, warmUp);
        }
        for (int round = 0; round < rounds; round++) {
            for (int i = 0; i < layouts.size(); i++) {
                int layout = round % 2 == 0 ? i : layouts.size() - 1 - i;
                rates.get(layout).add(rate(engines, layout, cell, slot));
            }
        }
        return new Rates(cell, rates);
    }

    /** Starts the engine of a layout again, and measures generated tokens per second. */
    private double rate(List<GenerationEngine> engines, int layout, Cell cell, Duration slot) {
        GenerationEngine engine = engines.get(layout).restart();
        engines.set(layout, engine);
        try (engine) {
            return rate(engine, cell, slot);
        }
    }

    private void warmUp(GenerationEngine engine, Cell cell) {
        boolean isStable = false;
        for (int steps = 0; !isStable && steps < MAX_WARM_UP_STEPS; steps += requests.newTokens()) {
            isStable = new RequestSet(engine, cell).run(requests.newTokens());
        }
    }

    /** Generated tokens per second. */
    private double rate(GenerationEngine engine, Cell cell, Duration slot) {
        new RequestSet(engine, cell).run(Math.min(FIRST_TOKENS, requests.newTokens()));
        long start = System.nanoTime();
        long nanos;
        long sets = 0;
        do {
            new RequestSet(engine, cell).run(requests.newTokens());
            sets++;
            nanos = System.nanoTime() - start;
        } while (nanos < slot.toNanos());
        return sets * cell.rows() * requests.newTokens() * 1e9 / nanos;
    }

    /** Requests that start together. */
    private final class RequestSet {

        private final GenerationEngine engine;
        private final Cell cell;
        private final List<CompletableFuture<Outcome>> outcomes = new ArrayList<>();

        private RequestSet(GenerationEngine engine, Cell cell) {
            this.engine = engine;
            this.cell = cell;
        }

        /** Returns whether, before the first request has ended, packed adapters were no longer changing. */
        private boolean run(int newTokens) {
            try {
                for (int row = 0; row < cell.rows(); row++) {
                    outcomes.add(engine.submit(request(row, newTokens)));
                }
            } catch (RequestRejectedException e) {
                throw new IllegalStateException(e.getMessage(), e);
            } catch (IllegalStateException closed) {
                // an engine that has failed is closed: its outcomes say more
                requireCompleted();
                throw closed;
            }
            boolean isStable = false;
            while (!isFirstDone()) {
                isStable = engine.isStable();
            }
            requireCompleted();
            return isStable;
        }

        /** Waits until the first request has ended, for a short time. */
        private boolean isFirstDone() {
            try {
                CompletableFuture.anyOf(outcomes.toArray(CompletableFuture[]::new))
                        .get(POLL_MILLIS, TimeUnit.MILLISECONDS);
                return true;
            } catch (TimeoutException e) {
                return false;
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException("the benchmark was interrupted", e);
            } catch (ExecutionException e) {
                throw new IllegalStateException("a request has no outcome", e);
            }
        }

        private void requireCompleted() {
            for (CompletableFuture<Outcome> outcome : outcomes) {
                if (outcome.join() instanceof Outcome.Failure failed) {
                    throw new IllegalStateException(failed.code() + ": " + failed.message());
                }
            }
        }

        /** @param row its prompt depends on it */
        private GenerationRequest request(int row, int newTokens) {
            Optional<LoraWeights> lora =
                    cell.mixed() ? Optional.of(adapters.get(row % adapters.size())) : Optional.empty();
            return new GenerationRequest(
                    "bench-" + row,
                    new Random(row)
                            .ints(requests.promptTokens(), 0, model.config().vocabularySize())
                            .boxed()
                            .toList(),
                    GenerationParams.greedy(StopConditions.afterExactly(newTokens)),
                    lora,
                    Boundary.full(model.config().numLayers()));
        }
    }
}
