package io.tidemark.generation.layout;

import io.tidemark.decoder.Decoder;
import java.util.ArrayList;
import java.util.List;

/**
 * The number of instances of an engine, and the number of threads of their steps.
 *
 * @param instances              engine instances, 1 or more
 * @param threads                threads of a step, 1 or more, the thread of the instance included
 * @param maxThreads             most threads, at least {@code threads}, of a step that uses the processors of several
 *                               instances
 * @param minTokensForMaxThreads minimum tokens, 1 or more, of a large step with rows of one instance, see
 *                               {@link StepThreads}
 * @param fixed                  true if steps always use {@code threads} and instances never share a step; false if
 *                               measured times decide
 */
public record EngineLayout(int instances, int threads, int maxThreads, int minTokensForMaxThreads, boolean fixed) {

    /**
     * An instance has one thread for this number of weights in a layer. A model of 1.07 billion parameters has 61
     * million and gets instances of one thread, which run joint steps where these are faster.
     */
    private static final long WEIGHTS_PER_THREAD = 100_000_000;
    /** Maximum default of {@code threads}; not measured on more than two processors. */
    private static final int MAX_DEFAULT_THREADS = 8;
    /** Maximum default of {@code maxThreads}; not measured on more than two processors. */
    private static final int MAX_DEFAULT_MAX_THREADS = 16;
    /**
     * Minimum weights in a layer of models whose steps of one token are large, see {@link StepThreads}. SmolLM2-135M
     * has 3.5 million; with 61 million, two threads are as fast as one or faster.
     */
    private static final long WIDE_LAYER_WEIGHTS = 24_000_000;
    /** Minimum tokens of a large step, for example of a short prompt, with a smaller model. */
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
        return fixed(1, threads);
    }

    /** Instances whose steps always use this number of threads, and which never share a step. */
    public static EngineLayout fixed(int instances, int threads) {
        return new EngineLayout(instances, threads, threads, 1, true);
    }

    /**
     * The numbers of consecutive instances that may share a step, ascending: powers of two, and all instances, if their
     * threads are not more than {@code maxThreads}. Wider groups then consist of whole narrower ones.
     */
    List<Integer> groupWidths() {
        int most = fixed ? 1 : Math.min(instances, maxThreads / threads);
        List<Integer> widths = new ArrayList<>();
        for (int width = 1; width <= most; width *= 2) {
            widths.add(width);
        }
        if (most == instances && Integer.bitCount(most) > 1) {
            widths.add(most);
        }
        return widths;
    }

    /** Whether instances may share a step. */
    public boolean hasJointSteps() {
        return groupWidths().size() > 1;
    }

    /** The most threads of a step of a group. The threads of all groups are not more than the processors. */
    public int threadsOf(InstanceGroup group) {
        return group.size() == instances ? maxThreads : Math.min(maxThreads, group.size() * threads);
    }

    /** Whether steps of few rows are expected to be faster with all processors than with one thread. */
    boolean isWideByDefault() {
        return minTokensForMaxThreads == 1;
    }

    /**
     * The layout for a model on the processors of its {@link io.tidemark.torch.Torch}. Most models get an instance of
     * one thread for each processor. Since each instance reads all weights in every step, a large model gets fewer
     * instances of more threads. On a GPU and with the native decoder there is one instance.
     *
     * @param instances number of instances; 0 for the default. Not used with the native decoder
     * @param threads   threads of an instance; 0 for the default
     * @throws IllegalArgumentException if the threads of all instances together are more than the processors
     */
    public static EngineLayout of(Decoder decoder, int instances, int threads) {
        int processors = decoder.threads();
        if (decoder.isOnGpu()) {
            return single(processors);
        }
        if (decoder.isNative()) {
            return single(threads > 0 ? Math.min(threads, processors) : processors);
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
