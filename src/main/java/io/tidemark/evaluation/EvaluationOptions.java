package io.tidemark.evaluation;

import io.tidemark.boundary.Boundary;
import java.util.List;

/**
 * How much is generated, and how.
 *
 * @param generated  how many of the test's prompts get a text
 * @param maxTokens  the longest text
 * @param stop       what ends a text, beside the end of sequence
 * @param rows       rows of the running batch
 * @param speedRuns  timed runs of each setting, in turn; 0 measures no speed
 * @param speedTokens tokens of each row in a timed run, the end of sequence ignored
 * @param further    boundaries beside those that are chosen
 */
public record EvaluationOptions(
        int generated,
        int maxTokens,
        List<String> stop,
        int rows,
        int speedRuns,
        int speedTokens,
        List<Boundary> further) {

    public EvaluationOptions {
        stop = List.copyOf(stop);
        further = List.copyOf(further);
        if (generated < 2 || maxTokens < 1 || rows < 1 || speedRuns < 0 || speedTokens < 1) {
            throw new IllegalArgumentException(
                    "generated must be 2 or more, maxTokens, rows and speedTokens 1 or more, speedRuns 0 or more");
        }
    }
}
