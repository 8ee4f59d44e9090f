package io.tidemark.calibration;

import java.util.List;

/**
 * A validation example as token ids.
 *
 * @param prompt     at least one token
 * @param completion the gold tokens, at least one, the end-of-sequence token included
 */
public record TokenizedExample(List<Integer> prompt, List<Integer> completion) {

    public TokenizedExample {
        prompt = List.copyOf(prompt);
        completion = List.copyOf(completion);
        if (prompt.isEmpty() || completion.isEmpty()) {
            throw new IllegalArgumentException("an example needs at least one prompt token and one completion token");
        }
    }

    /** The number of tokens of prompt and completion. */
    public int tokens() {
        return prompt.size() + completion.size();
    }
}
