package io.tidemark.evaluation;

import io.tidemark.boundary.Boundary;
import io.tidemark.grammar.CompiledGrammar;
import java.util.List;
import java.util.Optional;

/**
 * The amount of generated text and how it is generated.
 *
 * @param generated   number of test examples for which a text is generated, 2 or more
 * @param maxTokens   maximum number of tokens of a text
 * @param stop        stop strings, in addition to the end of sequence
 * @param rows        maximum number of sequences in a batch
 * @param speedRuns   timed runs of each setting, in turn; 0 measures no speed
 * @param speedTokens tokens per sequence in a timed run, 2 or more; the end of sequence is ignored
 * @param further     boundaries to evaluate in addition to the chosen ones
 * @param grammar     the format of the texts of all settings, open until the evaluation ends; empty for free text.
 *                    Timed runs generate free text
 */
public record EvaluationOptions(
        int generated,
        int maxTokens,
        List<String> stop,
        int rows,
        int speedRuns,
        int speedTokens,
        List<Boundary> further,
        Optional<CompiledGrammar> grammar) {

    public EvaluationOptions {
        stop = List.copyOf(stop);
        further = List.copyOf(further);
        if (generated < 2 || maxTokens < 1 || rows < 1 || speedRuns < 0 || speedTokens < 2) {
            throw new IllegalArgumentException(
                    "generated and speedTokens must be 2 or more, maxTokens and rows 1 or more, speedRuns 0 or more");
        }
    }

    /** Options without a grammar: the answers are free text. */
    public EvaluationOptions(
            int generated,
            int maxTokens,
            List<String> stop,
            int rows,
            int speedRuns,
            int speedTokens,
            List<Boundary> further) {
        this(generated, maxTokens, stop, rows, speedRuns, speedTokens, further, Optional.empty());
    }

    /** @param changed open until the evaluation ends; empty for free text */
    public EvaluationOptions withGrammar(Optional<CompiledGrammar> changed) {
        return new EvaluationOptions(generated, maxTokens, stop, rows, speedRuns, speedTokens, further, changed);
    }
}
