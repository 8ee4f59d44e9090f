package io.tidemark.generation;

import io.tidemark.decoder.Decoder;

/**
 * The number of instances of an engine, and the number of threads of their steps.
 *
 * @param instances              engine instances, 1 or more
 * @param threads                threads of a step, 1 or more, the thread of the instance included
 * @param maxThreads             threads, at least {@code threads}, of a step of the first instance with at least
 *                               {@code minTokensForMaxThreads} tokens that starts while no other instance has work
 * @param minTokensForMaxThreads minimum tokens, 1 or more, of a step that uses {@code maxThreads}
 * @param fixed                  true if steps always use these numbers of threads; false if they use half when that is
 *                               faster
 */
public record EngineLayout(int instances, int threads, int maxThreads, int minTokensForMaxThreads, boolean fixed) {

    /**
     * An instance has one thread for this number of weights in a layer. A model of 1.07 billion parameters has 61
     * million, and two instances of one thread are as fast or faster than one of two threads.
     */
    private static final long WEIGHTS_PER_THREAD = 100_000_000;
    /** Maximum default of {@code threads}; not measured on more than two processors. */
    private static final int MAX_DEFAULT_THREADS = 8;
    /** Maximum default of {@code maxThreads}; not measured on more than two processors. */
    private static final int MAX_DEFAULT_MAX_THREADS = 16;
    /**
     * Minimum weights in a layer of models whose steps of one token use {@code maxThreads}. SmolLM2-135M has 3.5
     * million and is fastest with one thread; with 61 million, two threads are as fast or faster.
     */
    private static final long WIDE_LAYER_WEIGHTS = 24_000_000;
    /** Minimum tokens, for example of a short prompt, for which {@code maxThreads} are faster with a smaller model. */
    private static final int SMALL_MODEL_MIN_TOKENS = 16;

    public EngineLayout {
        if (instances < 1 || threads < 1 || maxThreads < threads || minTokensForMaxThreads < 1) {
            throw new IllegalArgumentException(
                    "instances, threads and minTokensForMaxThreads must be at least 1, maxThreads at least threads: "
                            + instances + ", " + threads + ", " + maxThreads + ", " + minTokensForMaxThreads);
        }
    }

    /** One instance whose steps always use this number of threads. */
    public static EngineLayout single(int threads) {
        return new EngineLayout(1, threads, threads, 1, true);
    }

    /**
     * The layout for a model on the processors of its {@link io.tidemark.torch.Torch}. Most models get an instance of
     * one thread for each processor. Since each instance reads all weights in every step, a large model gets fewer
     * instances of more threads. On a GPU there is one instance.
     *
     * @param instances number of instances; 0 for the default
     * @param threads   threads of an instance; 0 for the default
     * @throws IllegalArgumentException if the threads of all instances together are more than the processors
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
                        : (int) Math.max(
                                1, Math.min(weights / WEIGHTS_PER_THREAD, Math.min(processors, MAX_DEFAULT_THREADS)));
        int count = instances > 0 ? instances : Math.max(1, processors / width);
        if ((long) count * width > processors) {
            throw new IllegalArgumentException(
                    count + " instances of " + width + " threads are more than the " + processors + " processors");
        }
        boolean fixed = threads > 0 || decoder.options().deterministic();
        return new EngineLayout(
                count,
                width,
                fixed ? width : Math.max(width, Math.min(processors, MAX_DEFAULT_MAX_THREADS)),
                weights < WIDE_LAYER_WEIGHTS ? SMALL_MODEL_MIN_TOKENS : 1,
                fixed);
    }
}
