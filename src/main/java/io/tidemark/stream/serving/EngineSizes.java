package io.tidemark.stream.serving;

import io.tidemark.decoder.Decoder;
import io.tidemark.generation.EngineLimits;
import io.tidemark.stream.settings.TidemarkSettings.EngineSettings;
import io.tidemark.stream.settings.TidemarkSettings.LimitSettings;
import java.time.Duration;
import java.util.OptionalLong;

/** The limits of the engine: from the settings, else derived from processors, memory and model. */
record EngineSizes(EngineLimits limits) {

    private static final long KV_BYTES_ON_A_CPU = 512L << 20;
    private static final int SEQS_PER_PROCESSOR = 16;
    private static final int SEQS_ON_A_GPU = 64;
    private static final int MIN_SEQS = 8;
    /** How many tokens a sequence has, prompt included, for the default of max-num-seqs. */
    private static final int SEQUENCE_TOKENS = 512;

    private static final Duration STEP = Duration.ofMinutes(2);
    /** What a token takes in a model of 8 billion parameters at 32 billion multiplications and additions a second. */
    private static final Duration STEP_PER_TOKEN = Duration.ofMillis(500);

    /**
     * @param freeGpuBytes free memory of the GPU after the base weights were loaded; empty on a CPU, and if unknown
     * @throws IllegalArgumentException when settings contradict each other, or adapters fill the memory of the GPU
     */
    static EngineSizes of(EngineSettings engine, LimitSettings limits, Decoder decoder, OptionalLong freeGpuBytes) {
        long kvBytes =
                engine.kvBytes().isPresent() ? engine.kvBytes().get().asLongValue() : kvBytes(engine, freeGpuBytes);
        int maxNumSeqs = engine.maxNumSeqs() > 0 ? engine.maxNumSeqs() : maxNumSeqs(decoder, kvBytes);
        return new EngineSizes(new EngineLimits(
                maxNumSeqs,
                engine.prefillTokensPerStep(),
                kvBytes,
                engine.prefixCache().asLongValue(),
                limits.formatStepTime()));
    }

    /**
     * The time after which a step hangs.
     *
     * @param sliceTokens tokens of a slice of a sweep that runs between the steps; 0 if none does
     */
    Duration stepLimit(EngineSettings engine, int sliceTokens) {
        int tokens = Math.max(limits.prefillTokensPerStep() + limits.maxNumSeqs(), sliceTokens);
        return engine.stepLimit().orElseGet(() -> STEP.plus(STEP_PER_TOKEN.multipliedBy(tokens)));
    }

    /** The sequences that keep the processors busy, limited to those that fit into the KV cache. */
    private static int maxNumSeqs(Decoder decoder, long kvBytes) {
        int useful = decoder.isOnGpu() ? SEQS_ON_A_GPU : SEQS_PER_PROCESSOR * decoder.threads();
        long fitting = kvBytes / (SEQUENCE_TOKENS * decoder.kvBytesPerToken());
        return (int) Math.max(MIN_SEQS, Math.min(useful, fitting));
    }

    private static long kvBytes(EngineSettings engine, OptionalLong freeGpuBytes) {
        if (freeGpuBytes.isEmpty()) {
            return KV_BYTES_ON_A_CPU;
        }
        long adapters = engine.adapterBytes().asLongValue();
        // a fifth of the rest remains for activations and fragmentation
        long bytes = (freeGpuBytes.getAsLong() - adapters) / 5 * 4;
        if (bytes <= 0) {
            throw new IllegalArgumentException("the GPU has " + freeGpuBytes.getAsLong()
                    + " bytes free, of which tidemark.engine.adapter-bytes = " + adapters
                    + " leaves nothing for keys and values; reduce it");
        }
        return bytes;
    }
}
