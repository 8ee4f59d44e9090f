package io.tidemark.generation;

/**
 * What the engine has to do now, and has done since it started.
 *
 * @param queuedRequests  requests that wait for a slot or for memory
 * @param runningRows     rows that run; a request with n choices has n
 * @param kvBytesReserved bytes held for keys and values
 * @param generatedTokens tokens chosen so far
 * @param steps           steps run so far, of all instances
 * @param reusedPromptTokens tokens of prompts that kept prefixes had, and that were not run again
 * @param prefixBytes     bytes of kept prefixes, part of those reserved
 */
public record EngineStats(
        int queuedRequests,
        int runningRows,
        long kvBytesReserved,
        long generatedTokens,
        long steps,
        long reusedPromptTokens,
        long prefixBytes) {

    static final EngineStats NONE = new EngineStats(0, 0, 0, 0, 0, 0, 0);

    /** Both together. */
    EngineStats plus(EngineStats other) {
        return new EngineStats(
                queuedRequests + other.queuedRequests,
                runningRows + other.runningRows,
                kvBytesReserved + other.kvBytesReserved,
                generatedTokens + other.generatedTokens,
                steps + other.steps,
                reusedPromptTokens + other.reusedPromptTokens,
                prefixBytes + other.prefixBytes);
    }

    EngineStats with(int queued, int running) {
        return new EngineStats(
                queued, running, kvBytesReserved, generatedTokens, steps, reusedPromptTokens, prefixBytes);
    }
}
