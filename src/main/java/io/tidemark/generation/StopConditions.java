package io.tidemark.generation;

import java.util.List;
import java.util.Set;

/**
 * What ends a choice.
 *
 * @param maxTokens  maximum number of generated tokens, 1 or more
 * @param minTokens  minimum number of generated tokens, 0 to {@code maxTokens}; until then no token that ends the
 *                   choice is selected, and stop texts are not searched
 * @param stop       texts that end the choice; they are not part of its text
 * @param stopTokens tokens that end the choice in addition to the model's end-of-sequence tokens
 * @param ignoreEos  whether the model's end-of-sequence tokens do not end the choice, for benchmarks
 */
public record StopConditions(
        int maxTokens, int minTokens, List<String> stop, Set<Integer> stopTokens, boolean ignoreEos) {

    public StopConditions {
        stop = List.copyOf(stop);
        stopTokens = Set.copyOf(stopTokens);
        if (maxTokens < 1 || minTokens < 0 || minTokens > maxTokens) {
            throw new IllegalArgumentException("max_tokens must be 1 or more and min_tokens between 0 and max_tokens: "
                    + maxTokens + ", " + minTokens);
        }
    }

    /** Ends a choice at an end-of-sequence token, or after this number of tokens. */
    public static StopConditions after(int maxTokens) {
        return new StopConditions(maxTokens, 0, List.of(), Set.of(), false);
    }

    /** Ends a choice after exactly this number of tokens; end-of-sequence tokens are ignored. */
    public static StopConditions afterExactly(int tokens) {
        return new StopConditions(tokens, 0, List.of(), Set.of(), true);
    }

    public StopConditions withStop(List<String> texts) {
        return new StopConditions(maxTokens, minTokens, texts, stopTokens, ignoreEos);
    }

    public StopConditions withStopTokens(Set<Integer> tokens) {
        return new StopConditions(maxTokens, minTokens, stop, tokens, ignoreEos);
    }

    public StopConditions withMinTokens(int tokens) {
        return new StopConditions(maxTokens, tokens, stop, stopTokens, ignoreEos);
    }
}
