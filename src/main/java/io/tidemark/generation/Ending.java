package io.tidemark.generation;

import java.util.List;
import java.util.Set;

/**
 * What ends a choice.
 *
 * @param maxTokens           the most tokens it may have, 1 or more
 * @param stop                texts that end the choice and are not part of its text
 * @param stopTokens          tokens that end it beside the model's end-of-sequence tokens
 * @param ignoresEndOfSequence the model's end-of-sequence tokens are tokens like others, as benchmarks want it
 */
public record Ending(int maxTokens, List<String> stop, Set<Integer> stopTokens, boolean ignoresEndOfSequence) {

    public Ending {
        stop = List.copyOf(stop);
        stopTokens = Set.copyOf(stopTokens);
        if (maxTokens < 1) {
            throw new IllegalArgumentException("max_tokens must be 1 or more: " + maxTokens);
        }
    }

    /** At an end-of-sequence token, or after so many tokens. */
    public static Ending after(int maxTokens) {
        return new Ending(maxTokens, List.of(), Set.of(), false);
    }

    /** After exactly so many tokens, whatever they are. */
    public static Ending afterExactly(int tokens) {
        return new Ending(tokens, List.of(), Set.of(), true);
    }

    public Ending withStop(List<String> texts) {
        return new Ending(maxTokens, texts, stopTokens, ignoresEndOfSequence);
    }

    public Ending withStopTokens(Set<Integer> tokens) {
        return new Ending(maxTokens, stop, tokens, ignoresEndOfSequence);
    }
}
