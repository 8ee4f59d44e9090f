package io.tidemark.decoder.sampling;

import java.util.Collection;

/**
 * The tokens that may be sampled in one row of a step.
 *
 * @param masks the masks of the step
 * @param row   index of the row's mask
 */
public record TokenMask(TokenMasks masks, int row) {

    /** Whether a token of the vocabulary may be sampled. */
    public boolean allows(int token) {
        return masks.allows(row, token);
    }

    /** Whether no token may be sampled. */
    public boolean isEmpty() {
        return masks.isEmpty(row);
    }

    /** Whether no tokens may be sampled but these, which are distinct. */
    public boolean allowsOnly(Collection<Integer> tokens) {
        return tokens.stream().filter(this::allows).count() == masks.count(row);
    }
}
