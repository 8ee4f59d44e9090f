package io.tidemark.benchmark;

import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.StepRow;
import io.tidemark.decoder.kvcache.KvPool;
import io.tidemark.decoder.kvcache.KvSlot;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.decoder.sampling.SampledToken;
import io.tidemark.decoder.sampling.SamplingParams;
import io.tidemark.decoder.sampling.TokenMasks;
import io.tidemark.decoder.sampling.TokenSampling;
import java.nio.IntBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Measures steps of one model, alternately with adapters, with masks and without: decoding steps, in which every row
 * has one token, and steps of prompts. Models whose benchmarks run in turn have threads of their own.
 */
public final class DecodeBenchmark implements AutoCloseable {

    /** Minimum number of steps before each measured run. */
    private static final int WARM_STEPS = 8;
    /** Tokens of all measured steps of a run with prompts, at least one step. */
    private static final int PROMPT_TOKENS = 512;

    private static final Variant BASE = new Variant("base", 0, new Boundary(0));

    private final LanguageModel model;
    private final List<LoraWeights> adapters;
    private final int promptTokens;
    private final int steps;
    private final KvPool pool;
    /** Runs the steps: libtorch has settings and helping threads for each thread. */
    private final ExecutorService thread = Executors.newSingleThreadExecutor();

    /**
     * The adapters, the boundary, the sampling and the tokens of a run.
     *
     * @param adapters number of adapters, assigned to rows in turn; 0 is the base model
     * @param boundary which layers use them
     * @param sampling the sampling parameters of all rows
     * @param allowed  the share of the vocabulary in the mask of each row, above 0 and up to 1; empty for no masks
     * @param prompt   tokens of the prompt that each row has in each step; 0 for decoding steps
     */
    public record Variant(
            String name, int adapters, Boundary boundary, SamplingParams sampling, OptionalDouble allowed, int prompt) {

        /** Greedy rows of decoding steps without masks. */
        public Variant(String name, int adapters, Boundary boundary) {
            this(name, adapters, boundary, SamplingParams.GREEDY, OptionalDouble.empty(), 0);
        }

        /** Greedy rows of steps with a prompt. */
        public static Variant ofPrompt(String name, int adapters, Boundary boundary, int tokens) {
            return new Variant(name, adapters, boundary, SamplingParams.GREEDY, OptionalDouble.empty(), tokens);
        }
    }

    /** A variant on the model of a benchmark. */
    public record Case(DecodeBenchmark bench, Variant variant) {}

    /**
     * @param tokensPerSecond tokens per second of all rows
     * @param jvmShare        share of the time that was not spent in libtorch
     */
    public record Speed(double tokensPerSecond, double jvmShare) {}

    /**
     * @param adapters     the adapters, at least as many as any run uses
     * @param promptTokens tokens that each row has in its KV cache
     * @param steps        number of measured steps of a run
     */
    public DecodeBenchmark(LanguageModel model, List<LoraWeights> adapters, int promptTokens, int steps) {
        this.model = model;
        this.adapters = List.copyOf(adapters);
        this.promptTokens = promptTokens;
        this.steps = steps;
        this.pool = new KvPool(model.decoder().kvCache(), Long.MAX_VALUE);
    }

    /**
     * Runs all variants in turn: one round of warm-up, which compiles the code, then the measured rounds.
     *
     * @param variants the base model, and one number of adapters
     * @return for each variant the speed of each repetition
     */
    public List<List<Speed>> run(int rows, List<Variant> variants, int repetitions) {
        return runInTurn(
                rows, variants.stream().map(variant -> new Case(this, variant)).toList(), repetitions);
    }

    /** {@link #run} for variants on several models. */
    public static List<List<Speed>> runInTurn(int rows, List<Case> cases, int repetitions) {
        cases.forEach(each -> each.bench().speed(rows, each.variant()));
        List<List<Speed>> speeds = new ArrayList<>();
        cases.forEach(each -> speeds.add(new ArrayList<>()));
        for (int repetition = 0; repetition < repetitions; repetition++) {
            for (int i = 0; i < cases.size(); i++) {
                speeds.get(i).add(cases.get(i).bench().speed(rows, cases.get(i).variant()));
            }
        }
        return speeds;
    }

    private Speed speed(int rows, Variant variant) {
        try {
            return CompletableFuture.supplyAsync(() -> measured(rows, variant), thread)
                    .join();
        } catch (CompletionException e) {
            throw e.getCause() instanceof RuntimeException cause ? cause : e;
        }
    }

    private Speed measured(int rows, Variant variant) {
        model.decoder().setThreads(model.decoder().threads());
        int tokens = variant.prompt() > 0 ? variant.prompt() : promptTokens + WARM_STEPS + steps;
        List<KvSlot> slots = Stream.generate(() -> pool.reserve(tokens).orElseThrow())
                .limit(rows)
                .toList();
        try {
            if (variant.prompt() > 0) {
                return promptSpeed(slots, variant);
            }
            prompts(slots, promptTokens, BASE).forEach(row -> model.decoder().step(List.of(row)));
            return decodingSpeed(slots, variant);
        } finally {
            slots.forEach(pool::release);
        }
    }

    private List<StepRow> prompts(List<KvSlot> slots, int tokens, Variant variant) {
        Random random = new Random(1);
        return IntStream.range(0, slots.size())
                .mapToObj(row -> new StepRow(
                        slots.get(row),
                        random.ints(tokens, 0, model.config().vocabularySize())
                                .boxed()
                                .toList(),
                        0,
                        lora(row, variant),
                        variant.boundary(),
                        Optional.of(TokenSampling.greedy())))
                .toList();
    }

    /** The steps repeat the same prompts in the same slots. */
    private Speed promptSpeed(List<KvSlot> slots, Variant variant) {
        List<StepRow> prompts = prompts(slots, variant.prompt(), variant);
        model.decoder().step(prompts);
        int count = Math.max(1, PROMPT_TOKENS / (slots.size() * variant.prompt()));
        return timed(
                count, slots.size() * variant.prompt(), step -> model.decoder().step(prompts));
    }

    private Speed timed(int count, int tokens, IntConsumer step) {
        long inLibtorch = model.decoder().nativeNanos();
        long start = System.nanoTime();
        for (int i = 0; i < count; i++) {
            step.accept(i);
        }
        double nanos = System.nanoTime() - start;
        return new Speed(
                count * (double) tokens / nanos * 1e9, 1 - (model.decoder().nativeNanos() - inLibtorch) / nanos);
    }

    private Speed decodingSpeed(List<KvSlot> slots, Variant variant) {
        List<TokenSampling> sampling = sampling(slots.size(), variant);
        List<Integer> tokens = new ArrayList<>(Collections.nCopies(slots.size(), 1));
        for (int step = 0; step < WARM_STEPS; step++) {
            step(slots, variant, sampling, tokens, step);
        }
        return timed(steps, slots.size(), step -> step(slots, variant, sampling, tokens, WARM_STEPS + step));
    }

    private Optional<LoraWeights> lora(int row, Variant variant) {
        return variant.adapters() == 0 ? Optional.empty() : Optional.of(adapters.get(row % variant.adapters()));
    }

    /** Each row has its own mask, which is the same in all steps. */
    private List<TokenSampling> sampling(int rows, Variant variant) {
        TokenSampling free = TokenSampling.of(variant.sampling(), 0.5);
        if (variant.allowed().isEmpty()) {
            return Collections.nCopies(rows, free);
        }
        Random random = new Random(2);
        int vocabulary = model.config().vocabularySize();
        TokenMasks masks = new TokenMasks(rows, vocabulary);
        IntBuffer bits = masks.bits(rows);
        int words = bits.capacity() / rows;
        for (int row = 0; row < rows; row++) {
            for (int token = 0; token < vocabulary; token++) {
                if (token == row % vocabulary
                        || random.nextDouble() < variant.allowed().getAsDouble()) {
                    int word = row * words + token / Integer.SIZE;
                    bits.put(word, bits.get(word) | 1 << token % Integer.SIZE);
                }
            }
        }
        return IntStream.range(0, rows)
                .mapToObj(row -> free.withMask(masks.mask(row)))
                .toList();
    }

    private void step(
            List<KvSlot> slots, Variant variant, List<TokenSampling> sampling, List<Integer> tokens, int step) {
        List<StepRow> rows = new ArrayList<>();
        for (int row = 0; row < slots.size(); row++) {
            rows.add(new StepRow(
                    slots.get(row),
                    List.of(tokens.get(row)),
                    promptTokens + step,
                    lora(row, variant),
                    variant.boundary(),
                    Optional.of(sampling.get(row))));
        }
        List<SampledToken> choices = model.decoder().step(rows);
        for (int row = 0; row < slots.size(); row++) {
            tokens.set(row, choices.get(row).token());
        }
    }

    @Override
    public void close() {
        thread.shutdown();
        pool.close();
    }
}
