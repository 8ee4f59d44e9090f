package io.tidemark.generation;

import java.util.List;
import java.util.Set;

/**
 * What ends a choice.
 *
 * @param maxTokens           the most tokens it may have, 1 or more
 * @param minTokens           so many tokens come first, 0 to {@code maxTokens}: until then no token that ends the choice can
 *                            be chosen, and no stop text is looked for
 * @param stop                texts that end the choice and are not part of its text
 * @param stopTokens          tokens that end it beside the model's end-of-sequence tokens
 * @param ignoresEndOfSequence the model's end-of-sequence tokens are tokens like others, as benchmarks want it
 */
public record Ending(
        int maxTokens, int minTokens, List<String> stop, Set<Integer> stopTokens, boolean ignoresEndOfSequence) {

    public Ending {
        stop = List.copyOf(stop);
        stopTokens = Set.copyOf(stopTokens);
        if (maxTokens < 1 || minTokens < 0 || minTokens > maxTokens) {
            throw new IllegalArgumentException(
                    "max_tokens must be 1 or more and min_tokens from 0 to it: " + maxTokens + ", " + minTokens);
        }
    }

    /** At an end-of-sequence token, or after so many tokens. */
    public static Ending after(int maxTokens) {
        return new Ending(maxTokens, 0, List.of(), Set.of(), false);
    }

    /** After exactly so many tokens, whatever they are. */
    public static Ending afterExactly(int tokens) {
        return new Ending(tokens, 0, List.of(), Set.of(), true);
    }

    public Ending withStop(List<String> texts) {
        return new Ending(maxTokens, minTokens, texts, stopTokens, ignoresEndOfSequence);
    }

    public Ending withStopTokens(Set<Integer> tokens) {
        return new Ending(maxTokens, minTokens, stop, tokens, ignoresEndOfSequence);
    }

    public Ending withMinTokens(int least) {
        return new Ending(maxTokens, least, stop, stopTokens, ignoresEndOfSequence);
    }
}
