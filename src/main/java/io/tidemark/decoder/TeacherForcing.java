package io.tidemark.decoder;

import io.tidemark.decoder.kvcache.KvCache;
import io.tidemark.decoder.lora.LoraWeights;

/**
 * Teacher-forced passes with one adapter: they compute the log-probability of given completions, without sampling.
 * Stateless and thread-safe.
 */
public final class TeacherForcing {

    /**
     * How many rows the matrix products of a layer have. With SmolLM2-135M and AMX, more do not make a row
     * faster.
     */
    public static final int ROWS_PER_CALL = 512;

    private final DecoderContext context;
    private final KvCache kvCache;
    private final LoraWeights adapter;

    TeacherForcing(DecoderContext context, KvCache kvCache, LoraWeights adapter) {
        this.context = context;
        this.kvCache = kvCache;
        this.adapter = adapter;
    }

    /** Sets the number of threads, at least 1, of the calling thread's operators; the calling thread is one of them. */
    public void setThreads(int threads) {
        context.threads().set(threads);
    }

    public int numLayers() {
        return context.config().numLayers();
    }

    /** How many states of a batch fill the rows of a call, at least 1. */
    public static int statesPerCall(TeacherForcedBatch batch) {
        return Math.max(1, ROWS_PER_CALL / batch.rows());
    }

    /**
     * A pass of a batch.
     *
     * @param states the most states that go through a layer together, at least 1
     */
    public ForcedPass pass(TeacherForcedBatch batch, int states) {
        return new ForcedPass(context, kvCache, adapter, batch, states);
    }
}
