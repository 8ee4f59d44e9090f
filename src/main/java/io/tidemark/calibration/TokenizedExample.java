package io.tidemark.calibration;

import java.util.List;

/**
 * A validation example as tokens.
 *
 * @param prompt     at least one token
 * @param completion the gold tokens, the end-of-sequence token included
 */
public record TokenizedExample(List<Integer> prompt, List<Integer> completion) {

    public TokenizedExample {
        prompt = List.copyOf(prompt);
        completion = List.copyOf(completion);
        if (prompt.isEmpty() || completion.isEmpty()) {
            throw new IllegalArgumentException("an example needs a token of prompt and one of completion");
        }
    }

    /** Of prompt and completion together. */
    public int tokens() {
        return prompt.size() + completion.size();
    }
}
