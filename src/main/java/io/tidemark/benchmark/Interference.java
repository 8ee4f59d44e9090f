package io.tidemark.benchmark;

import io.tidemark.evaluation.Spread;
import java.util.List;

/**
 * Milliseconds between two tokens of a running row.
 *
 * @param alone         with nothing beside the rows
 * @param beside        while a long prompt was run beside them
 * @param promptMillis  from a prompt's submission to its first token, one entry a prompt
 */
public record Interference(List<Double> alone, List<Double> beside, List<Double> promptMillis) {

    public Interference {
        alone = List.copyOf(alone);
        beside = List.copyOf(beside);
        promptMillis = List.copyOf(promptMillis);
    }

    /** Median beside a prompt over median alone. */
    public double ratio() {
        return Spread.of(beside).median() / Spread.of(alone).median();
    }

    /** The longest time beside a prompt over the median alone. */
    public double worstRatio() {
        return Spread.of(beside).most() / Spread.of(alone).median();
    }
}
