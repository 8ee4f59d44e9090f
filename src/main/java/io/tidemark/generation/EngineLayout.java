package io.tidemark.generation;

import io.tidemark.decoder.Decoder;

/**
 * How many instances an engine has, and how many threads their steps use.
 *
 * @param instances   engine instances, 1 or more; each is a thread that runs the steps of its own sequences
 * @param threads     threads of a step, 1 or more, the instance's own thread included
 * @param loneThreads threads, at least {@code threads}, of a step of the first instance that has at least {@code loneTokens}
 *                    tokens and begins while no other instance has work
 * @param loneTokens  tokens, 1 or more, from which on a step may use {@code loneThreads}
 * @param fixed       true if steps always use these numbers of threads; false if they use half where that is faster
 */
public record EngineLayout(int instances, int threads, int loneThreads, int loneTokens, boolean fixed) {

    /**
     * An instance has a thread for so many weights of a layer. A model of 1.07 billion parameters has 61 million, and is as fast
     * or faster with two instances of one thread as with one of two.
     */
    private static final long WEIGHTS_PER_THREAD = 100_000_000;
    /** Maximum threads of an instance where the layout chooses them; not measured beyond two processors. */
    private static final int MAX_THREADS = 8;
    /** Maximum threads of a step while no other instance has work; not measured beyond two processors. */
    private static final int MAX_LONE_THREADS = 16;
    /**
     * Weights of a layer from which on a lone step of one token may use all processors. SmolLM2-135M has 3.5 million and is
     * fastest with one thread; with 61 million two are as fast or faster.
     */
    private static final long WIDE_LAYER_WEIGHTS = 24_000_000;
    /** A step of so many tokens of a small model, for instance a short prompt, is faster with all processors. */
    private static final int LONE_TOKENS = 16;

    public EngineLayout {
        if (instances < 1 || threads < 1 || loneThreads < threads || loneTokens < 1) {
            throw new IllegalArgumentException(
                    "instances, threads and loneTokens must be at least 1, loneThreads at least threads: " + instances
                            + ", " + threads + ", " + loneThreads + ", " + loneTokens);
        }
    }

    /** One instance whose steps all use so many threads. */
    public static EngineLayout single(int threads) {
        return new EngineLayout(1, threads, threads, 1, true);
    }

    /**
     * The layout for a model on the processors that its {@link io.tidemark.torch.Torch} was given. Most models get an instance of
     * one thread for each processor. Each instance reads all weights in every step, so a large one gets fewer and wider
     * instances. On a GPU there is one.
     *
     * @param instances 0 to choose
     * @param threads   of an instance; 0 to choose
     * @throws IllegalArgumentException when the threads of all instances together are more than the processors
     */
    public static EngineLayout of(Decoder decoder, int instances, int threads) {
        int processors = decoder.threads();
        if (decoder.isOnGpu()) {
            return single(processors);
        }
        long weights = decoder.config().layerWeights();
        int width = threads > 0
                ? threads
                : instances > 0
                        ? Math.max(1, processors / instances)
                        : (int) Math.max(1, Math.min(weights / WEIGHTS_PER_THREAD, Math.min(processors, MAX_THREADS)));
        int count = instances > 0 ? instances : Math.max(1, processors / width);
        if ((long) count * width > processors) {
            throw new IllegalArgumentException(
                    count + " instances of " + width + " threads are more than the " + processors + " processors");
        }
        boolean fixed = threads > 0 || decoder.options().deterministic();
        return new EngineLayout(
                count,
                width,
                fixed ? width : Math.max(width, Math.min(processors, MAX_LONE_THREADS)),
                weights < WIDE_LAYER_WEIGHTS ? LONE_TOKENS : 1,
                fixed);
    }
}
