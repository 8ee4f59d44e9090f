package io.tidemark.generation;

import io.tidemark.model.Decoder;

/**
 * How an engine uses the processors.
 *
 * @param instances   threads that run steps, each with sequences of its own
 * @param threads     of one instance's step while others run too, itself included
 * @param loneThreads of a large step of the first instance while no other has work
 * @param loneTokens  tokens from which on such a step is large
 * @param fixed       whether steps always use that many threads; else fewer where that is faster
 */
public record EngineLayout(int instances, int threads, int loneThreads, int loneTokens, boolean fixed) {

    /**
     * An instance has a thread for so many weights of a layer. A model of 1.07 billion parameters has 61 million, and is as fast
     * or faster with two instances of one thread as with one of two.
     */
    private static final long WEIGHTS_PER_THREAD = 100_000_000;
    /** The most threads of an instance, and of a lone step: beyond it they wait for each other more than they compute. */
    private static final int MOST_THREADS = 8;
    private static final int MOST_LONE_THREADS = 16;
    /**
     * Weights of a layer from which on a lone step of one token may use all processors. SmolLM2-135M has 3.5 million and is
     * fastest with one thread; with 61 million two are as fast or faster.
     */
    private static final long WIDE_LAYER_WEIGHTS = 24_000_000;
    /** A step of so many tokens computes long enough in each operation of a small model too. */
    private static final int LONE_TOKENS = 16;

    public EngineLayout {
        if (instances < 1 || threads < 1 || loneThreads < threads || loneTokens < 1) {
            throw new IllegalArgumentException("instances, threads and loneTokens must be at least 1, loneThreads at least threads: "
                    + instances + ", " + threads + ", " + loneThreads + ", " + loneTokens);
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
        int width = threads > 0 ? threads : instances > 0 ? Math.max(1, processors / instances)
                : (int) Math.max(1, Math.min(weights / WEIGHTS_PER_THREAD, Math.min(processors, MOST_THREADS)));
        int count = instances > 0 ? instances : Math.max(1, processors / width);
        if ((long) count * width > processors) {
            throw new IllegalArgumentException(count + " instances of " + width + " threads are more than the " + processors + " processors");
        }
        boolean fixed = threads > 0 || decoder.options().deterministic();
        return new EngineLayout(count, width, fixed ? width : Math.max(width, Math.min(processors, MOST_LONE_THREADS)), weights < WIDE_LAYER_WEIGHTS ? LONE_TOKENS : 1, fixed);
    }
}
