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
        long prefixBytes) {

    /** The part of one instance, as of its last step. */
    record Instance(
            long promptTokens,
            long generatedTokens,
            long steps,
            long jointSteps,
            long reusedPromptTokens,
            long prefixBytes) {

        static final Instance NONE = new Instance(0, 0, 0, 0, 0, 0);

        private Instance plus(Instance other) {
            return new Instance(
                    promptTokens + other.promptTokens,
                    generatedTokens + other.generatedTokens,
                    steps + other.steps,
                    jointSteps + other.jointSteps,
                    reusedPromptTokens + other.reusedPromptTokens,
                    prefixBytes + other.prefixBytes);
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
                sum.prefixBytes());
    }
}
