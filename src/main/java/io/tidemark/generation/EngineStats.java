package io.tidemark.generation;

/**
 * Counters since the start of an engine, and its current load.
 *
 * @param queuedRequests   requests in the queue
 * @param runningSequences running sequences; a request with n choices has n
 * @param kvBytesReserved  bytes reserved for keys and values, cached prefixes included
 * @param steps            what the steps have done, as of the last one
 */
public record EngineStats(int queuedRequests, int runningSequences, long kvBytesReserved, Steps steps) {

    /**
     * What the steps of an engine have done.
     *
     * @param count              steps
     * @param promptTokens       prompt tokens computed
     * @param generatedTokens    tokens generated
     * @param reusedPromptTokens prompt tokens copied from the prefix cache instead of computed
     * @param prefixBytes        bytes of cached prefixes
     * @param masks              what the masks of requests with a grammar have taken
     */
    public record Steps(
            long count,
            long promptTokens,
            long generatedTokens,
            long reusedPromptTokens,
            long prefixBytes,
            Masks masks) {

        /** The counters before the first step. */
        public static final Steps NONE = new Steps(0, 0, 0, 0, 0, Masks.NONE);

        /** Prompt tokens processed, those from the prefix cache included, and tokens generated. */
        public long tokens() {
            return promptTokens + reusedPromptTokens + generatedTokens;
        }
    }

    /**
     * What the grammars of requests have taken.
     *
     * @param steps    steps with masks
     * @param nanos    time for the masks of these steps
     * @param waits    rows that waited for the next step because the masks before them had taken the time of the step
     * @param failures requests that a failed grammar has ended
     */
    public record Masks(long steps, long nanos, long waits, long failures) {

        /** The counters before the first request with a grammar. */
        static final Masks NONE = new Masks(0, 0, 0, 0);
    }
}
