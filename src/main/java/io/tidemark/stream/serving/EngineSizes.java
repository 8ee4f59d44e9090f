package io.tidemark.stream.serving;

import io.tidemark.decoder.Decoder;
import io.tidemark.generation.EngineLayout;
import io.tidemark.generation.EngineLimits;
import io.tidemark.stream.settings.TidemarkSettings.EngineSettings;
import java.util.OptionalLong;

/** How much the engine does at once, as the settings say, or by processors, memory and model where they don't. */
record EngineSizes(EngineLimits limits, EngineLayout layout) {

    private static final long KV_BYTES_ON_A_CPU = 512L << 20;
    private static final int SLOTS_PER_PROCESSOR = 16;
    private static final int SLOTS_ON_A_GPU = 64;
    private static final int MIN_SLOTS = 8;
    /** Tokens of a sequence, prompt and answer, that the default of slots reckons with. */
    private static final int SEQUENCE_TOKENS = 512;

    /**
     * @param freeGpuBytes what the GPU has left beside the base weights; empty on a CPU, and where it is not known
     * @throws IllegalArgumentException when the settings contradict each other, or the GPU has no room beside the adapters
     */
    static EngineSizes of(EngineSettings engine, Decoder decoder, OptionalLong freeGpuBytes) {
        long kvBytes =
                engine.kvBytes().isPresent() ? engine.kvBytes().get().asLongValue() : kvBytes(engine, freeGpuBytes);
        int slots = engine.maxNumSeqs() > 0 ? engine.maxNumSeqs() : slots(decoder, kvBytes);
        return new EngineSizes(
                new EngineLimits(
                        slots,
                        engine.prefillTokensPerStep(),
                        kvBytes,
                        engine.prefixCache().asLongValue()),
                layout(engine, decoder));
    }

    private static EngineLayout layout(EngineSettings engine, Decoder decoder) {
        try {
            return EngineLayout.of(decoder, engine.instances(), engine.threads());
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    "tidemark.engine.instances and tidemark.engine.threads: " + e.getMessage()
                            + " (tidemark.engine.processors)",
                    e);
        }
    }

    /** As many as the processors can run well, and no more than the memory holds. */
    private static int slots(Decoder decoder, long kvBytes) {
        int most = decoder.isOnGpu() ? SLOTS_ON_A_GPU : SLOTS_PER_PROCESSOR * decoder.threads();
        long held = kvBytes / (SEQUENCE_TOKENS * decoder.kvBytesPerToken());
        return (int) Math.max(MIN_SLOTS, Math.min(most, held));
    }

    private static long kvBytes(EngineSettings engine, OptionalLong freeGpuBytes) {
        if (freeGpuBytes.isEmpty()) {
            return KV_BYTES_ON_A_CPU;
        }
        long adapters = engine.adapterBytes().asLongValue();
        // a fifth stays for what a step computes, and for memory in pieces
        long room = (freeGpuBytes.getAsLong() - adapters) / 5 * 4;
        if (room <= 0) {
            throw new IllegalArgumentException(
                    "the GPU has " + freeGpuBytes.getAsLong() + " bytes free, which tidemark.engine.adapter-bytes = "
                            + adapters + " leaves nothing of for keys and values");
        }
        return room;
    }
}
