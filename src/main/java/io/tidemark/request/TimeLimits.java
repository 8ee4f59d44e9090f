package io.tidemark.request;

import java.time.Duration;

/**
 * How long one activity of the worker may take. Time during which the process was suspended does not count.
 *
 * @param step      of the engine: one native call for all its rows, or one slice of a sweep
 * @param admission of one request: parsing, chat template, tokenizer
 */
public record TimeLimits(Duration step, Duration admission) {

    public TimeLimits {
        if (step.isNegative() || step.isZero() || admission.isNegative() || admission.isZero()) {
            throw new IllegalArgumentException("a time limit must be positive: " + step + ", " + admission);
        }
    }
}
