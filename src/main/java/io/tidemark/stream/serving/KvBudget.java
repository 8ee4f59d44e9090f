package io.tidemark.stream.serving;

import io.tidemark.stream.settings.EngineSettings;
import java.util.OptionalLong;

/** How much memory keys and values may take where nobody has said. */
final class KvBudget {

    private static final long ON_A_CPU = 512L << 20;

    private KvBudget() {
    }

    /**
     * @param freeGpuBytes what the GPU has left beside the base weights; empty on a CPU, and where it is not known
     * @throws IllegalArgumentException when the GPU has no room beside the adapters
     */
    static long of(EngineSettings engine, OptionalLong freeGpuBytes) {
        if (engine.kvBytes().isPresent()) {
            return engine.kvBytes().get().asLongValue();
        }
        if (freeGpuBytes.isEmpty()) {
            return ON_A_CPU;
        }
        long adapters = engine.adapterBytes().asLongValue();
        // a fifth stays for what a step computes, and for memory in pieces
        long room = (freeGpuBytes.getAsLong() - adapters) / 5 * 4;
        if (room <= 0) {
            throw new IllegalArgumentException("the GPU has " + freeGpuBytes.getAsLong()
                    + " bytes free, which tidemark.engine.adapter-bytes = " + adapters + " leaves nothing of for keys and values");
        }
        return room;
    }
}
