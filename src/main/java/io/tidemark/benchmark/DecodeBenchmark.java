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
import java.util.stream.IntStream;

/** Measures decoding steps, in which every row has one token, alternately with adapters, with masks and without. */
public final class DecodeBenchmark implements AutoCloseable {

    /** Minimum number of steps before each measured run. */
    private static final int WARM_STEPS = 8;

    private final LanguageModel model;
    private final List<LoraWeights> adapters;
    private final int promptTokens;
    private final int steps;
    private final KvPool pool;

    /**
     * The adapters, the boundary and the sampling of a run.
     *
     * @param adapters number of adapters, assigned to rows in turn; 0 is the base model
     * @param boundary which layers use them
     * @param sampling of all rows
     * @param allowed  the share of the vocabulary in the mask of each row, above 0 and up to 1; empty for no masks
     */
    public record Variant(
            String name, int adapters, Boundary boundary, SamplingParams sampling, OptionalDouble allowed) {

        /** Greedy rows without masks. */
        public Variant(String name, int adapters, Boundary boundary) {
            this(name, adapters, boundary, SamplingParams.GREEDY, OptionalDouble.empty());
        }
    }

    /**
     * @param tokensPerSecond tokens per second of all rows
     * @param jvmShare        share of the time that was not spent in libtorch
     */
    public record Speed(double tokensPerSecond, double jvmShare) {}

    /**
     * @param adapters     at least as many as any run uses
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
     * Runs all variants in turn: one round of warm-up, which compiles the code and packs the adapters, then the
     * measured rounds.
     *
     * @param variants the base model, and one number of adapters
     * @return for each variant the speed of each repetition
     */
    public List<List<Speed>> run(int rows, List<Variant> variants, int repetitions) {
        List<KvSlot> slots = IntStream.range(0, rows)
                .mapToObj(i -> pool.reserve(promptTokens + WARM_STEPS + steps).orElseThrow())
                .toList();
        try {
            fill(slots);
            variants.forEach(variant -> speed(slots, variant));
            List<List<Speed>> speeds = new ArrayList<>();
            variants.forEach(variant -> speeds.add(new ArrayList<>()));
            for (int repetition = 0; repetition < repetitions; repetition++) {
                for (int variant = 0; variant < variants.size(); variant++) {
                    speeds.get(variant).add(speed(slots, variants.get(variant)));
                }
            }
            return speeds;
        } finally {
            slots.forEach(pool::release);
        }
    }

    private void fill(List<KvSlot> slots) {
        Random random = new Random(1);
        for (KvSlot slot : slots) {
            List<Integer> prompt = random.ints(promptTokens, 0, model.config().vocabularySize())
                    .boxed()
                    .toList();
            model.decoder()
                    .step(List.of(new StepRow(
                            slot, prompt, 0, Optional.empty(), new Boundary(0), Optional.of(TokenSampling.greedy()))));
        }
    }

    private Speed speed(List<KvSlot> slots, Variant variant) {
        List<TokenSampling> sampling = sampling(slots.size(), variant);
        List<Integer> tokens = new ArrayList<>(Collections.nCopies(slots.size(), 1));
        for (int step = 0; step < WARM_STEPS; step++) {
            step(slots, variant, sampling, tokens, step);
        }
        while (!model.decoder().isStable()) {
            step(slots, variant, sampling, tokens, WARM_STEPS - 1);
        }
        long inLibtorch = model.decoder().nativeNanos();
        long start = System.nanoTime();
        for (int step = 0; step < steps; step++) {
            step(slots, variant, sampling, tokens, WARM_STEPS + step);
        }
        double nanos = System.nanoTime() - start;
        return new Speed(
                slots.size() * (double) steps / nanos * 1e9,
                1 - (model.decoder().nativeNanos() - inLibtorch) / nanos);
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
            Optional<LoraWeights> lora =
                    variant.adapters() == 0 ? Optional.empty() : Optional.of(adapters.get(row % variant.adapters()));
            rows.add(new StepRow(
                    slots.get(row),
                    List.of(tokens.get(row)),
                    promptTokens + step,
                    lora,
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
        pool.close();
    }
}
