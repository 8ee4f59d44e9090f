package io.tidemark.generation;

import java.util.List;

/**
 * Counters since the start of an engine, and its current load.
 *
 * @param queuedRequests     requests in the queue
 * @param runningSequences   running sequences; a request with n choices has n
 * @param kvBytesReserved    bytes reserved for keys and values, cached prefixes included
 * @param promptTokens       prompt tokens computed
 * @param generatedTokens    tokens generated
 * @param steps              steps of all instances; a joint step counts for each instance with rows in it
 * @param jointSteps         native calls that were a step of several instances
 * @param reusedPromptTokens prompt tokens copied from the prefix cache instead of computed
 * @param prefixBytes        bytes of cached prefixes
 * @param masks              of requests with a grammar
 */
public record EngineStats(
        int queuedRequests,
        int runningSequences,
        long kvBytesReserved,
        long promptTokens,
        long generatedTokens,
        long steps,
        long jointSteps,
        long reusedPromptTokens,
        long prefixBytes,
        Masks masks) {

    /**
     * What the grammars of requests have taken.
     *
     * @param steps    steps with masks; a joint step counts once
     * @param nanos    time for the masks of these steps
     * @param waits    rows that waited for the next step because the masks before them had taken the time of the step
     * @param failures requests that a failed grammar has ended
     */
    public record Masks(long steps, long nanos, long waits, long failures) {

        /** Before the first request with a grammar. */
        public static final Masks NONE = new Masks(0, 0, 0, 0);

        private Masks plus(Masks other) {
            return new Masks(steps + other.steps, nanos + other.nanos, waits + other.waits, failures + other.failures);
        }
    }

    /** The part of one instance, as of its last step. */
    record Instance(
            long promptTokens,
            long generatedTokens,
            long steps,
            long jointSteps,
            long reusedPromptTokens,
            long prefixBytes,
            Masks masks) {

        static final Instance NONE = new Instance(0, 0, 0, 0, 0, 0, Masks.NONE);

        private Instance plus(Instance other) {
            return new Instance(
                    promptTokens + other.promptTokens,
                    generatedTokens + other.generatedTokens,
                    steps + other.steps,
                    jointSteps + other.jointSteps,
                    reusedPromptTokens + other.reusedPromptTokens,
                    prefixBytes + other.prefixBytes,
                    masks.plus(other.masks));
        }
    }

    /** Prompt tokens processed, those from the prefix cache included, and tokens generated. */
    public long tokens() {
        return promptTokens + reusedPromptTokens + generatedTokens;
    }

    static EngineStats of(int queuedRequests, int runningSequences, long kvBytesReserved, List<Instance> instances) {
        Instance sum = instances.stream().reduce(Instance.NONE, Instance::plus);
        return new EngineStats(
                queuedRequests,
                runningSequences,
                kvBytesReserved,
                sum.promptTokens(),
                sum.generatedTokens(),
                sum.steps(),
                sum.jointSteps(),
                sum.reusedPromptTokens(),
                sum.prefixBytes(),
                sum.masks());
    }
}
