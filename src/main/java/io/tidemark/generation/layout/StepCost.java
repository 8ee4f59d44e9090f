package io.tidemark.generation.layout;

import io.tidemark.decoder.StepRow;
import java.util.List;

/**
 * The work of a step, from which {@link StepLimits} estimates its duration.
 *
 * @param tokens   number of tokens, 1 or more
 * @param attended number of positions that all its tokens attend to, 1 or more; windows of the model are not considered
 */
public record StepCost(int tokens, long attended) {

    /** The cost of a step with these rows, at least one. */
    public static StepCost of(List<StepRow> rows) {
        int tokens = 0;
        long attended = 0;
        for (StepRow row : rows) {
            int count = row.tokens().size();
            tokens += count;
            attended += (long) count * (row.position() + count);
        }
        return new StepCost(tokens, attended);
    }

    /** How many times the duration of another step, at most, this one takes with the same threads. */
    double ratioTo(StepCost other) {
        double ratio = Math.max((double) tokens / other.tokens, (double) attended / other.attended);
        return Math.max(1, ratio);
    }

    /** The smallest step of similar cost: both numbers are rounded down to powers of two. */
    StepCost rounded() {
        return new StepCost(Integer.highestOneBit(tokens), Long.highestOneBit(attended));
    }
}
