package io.tidemark.generation;

import io.tidemark.generation.Scheduler.ScheduledRow;
import java.util.List;

/**
 * What determines the duration of a step.
 *
 * @param rows     number of rows
 * @param tokens   number of tokens: one for each decoding row, and the prompt tokens of the others
 * @param prompt   whether there are prompt tokens
 * @param adapters whether a row uses an adapter
 */
record StepSize(int rows, int tokens, boolean prompt, boolean adapters) {

    static final StepSize NONE = new StepSize(0, 0, false, false);

    static StepSize of(List<ScheduledRow> rows) {
        int tokens = 0;
        boolean prompt = false;
        boolean adapters = false;
        for (ScheduledRow row : rows) {
            tokens += Math.max(1, row.promptTokens());
            prompt |= row.promptTokens() > 0;
            adapters |= row.sequence().usesAdapter();
        }
        return new StepSize(rows.size(), tokens, prompt, adapters);
    }

    /** A step with the parts of several instances. */
    static StepSize sum(List<InstanceWork> parts) {
        StepSize sum = NONE;
        for (InstanceWork part : parts) {
            sum = sum.plus(part.step());
        }
        return sum;
    }

    StepSize plus(StepSize other) {
        return new StepSize(
                rows + other.rows, tokens + other.tokens, prompt || other.prompt, adapters || other.adapters);
    }
}
