package io.tidemark.benchmark;

import io.tidemark.generation.Completion;
import io.tidemark.generation.Completion.Timing;
import java.util.List;

/**
 * When a row of a measured batch had its first and its last token.
 *
 * @param first  seconds from the submission of the batch to the first token
 * @param last   seconds from the submission of the batch to the last token
 * @param tokens how many tokens it generated, the first included
 */
public record RowTimes(double first, double last, int tokens) {

    static RowTimes of(Completion completion) {
        Timing timing = completion.timing();
        return new RowTimes(
                (timing.queuedMs() + timing.firstTokenMs()) / 1000,
                timing.totalMs() / 1000,
                completion.usage().completionTokens());
    }

    /** Tokens per second of all rows together after the first token of each: the sum of the rows' own rates; 0 if there are none. */
    public static double decodeRate(List<RowTimes> rows) {
        return rows.stream()
                .filter(row -> row.tokens > 1)
                .mapToDouble(row -> (row.tokens - 1) / (row.last - row.first))
                .sum();
    }

    /** Prompt tokens of all rows over the time until the last row has its first token. */
    public static double prefillRate(List<RowTimes> rows, int promptTokens) {
        return promptTokens / rows.stream().mapToDouble(RowTimes::first).max().orElseThrow();
    }
}
