package io.tidemark.decoder.sampling;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ObjIntConsumer;

/** The distinct tokens that one row has seen, and how often it has generated each. Not safe for use by several threads. */
public final class SeenTokens {

    private final Map<Integer, Integer> generated = new HashMap<>();

    /** Sees a prompt: its tokens were generated 0 times. */
    public SeenTokens(List<Integer> prompt) {
        prompt.forEach(token -> generated.put(token, 0));
    }

    public static SeenTokens nothing() {
        return new SeenTokens(List.of());
    }

    /** Counts a token that was generated. */
    public void generated(int token) {
        generated.merge(token, 1, Integer::sum);
    }

    /** Gives each token with the number of times that it was generated. */
    public void forEach(ObjIntConsumer<Integer> consumer) {
        generated.forEach(consumer::accept);
    }
}
