package io.tidemark.generation.layout;

import java.util.List;

/**
 * The size of a step. {@link RecentTurns} compares turns with steps of the same size.
 *
 * @param rows     number of rows
 * @param tokens   number of tokens: one for each decoding row, and the prompt tokens of the others
 * @param prompt   whether there are prompt tokens
 * @param adapters whether a row uses an adapter
 */
public record StepSize(int rows, int tokens, boolean prompt, boolean adapters) {

    /** No step. */
    public static final StepSize NONE = new StepSize(0, 0, false, false);

    /** A step with the parts of several instances. */
    static StepSize sum(List<InstanceWork> parts) {
        StepSize sum = NONE;
        for (InstanceWork part : parts) {
            sum = sum.plus(part.step());
        }
        return sum;
    }

    /** A step with the parts of both. */
    StepSize plus(StepSize other) {
        return new StepSize(
                rows + other.rows, tokens + other.tokens, prompt || other.prompt, adapters || other.adapters);
    }
}
