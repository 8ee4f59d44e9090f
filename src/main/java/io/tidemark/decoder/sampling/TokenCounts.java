package io.tidemark.decoder.sampling;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ObjIntConsumer;

/**
 * The distinct tokens of one sequence, and how often each was generated; 0 for tokens that occur in the prompt only.
 * Not thread-safe.
 */
public final class TokenCounts {

    private final Map<Integer, Integer> generated = new HashMap<>();

    /** @param prompt tokens that start with count 0 */
    public TokenCounts(List<Integer> prompt) {
        prompt.forEach(token -> generated.put(token, 0));
    }

    public static TokenCounts empty() {
        return new TokenCounts(List.of());
    }

    /** Counts a generated token. */
    public void add(int token) {
        generated.merge(token, 1, Integer::sum);
    }

    void forEach(ObjIntConsumer<Integer> consumer) {
        generated.forEach(consumer::accept);
    }
}
