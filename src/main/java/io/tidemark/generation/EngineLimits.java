package io.tidemark.generation;

/**
 * How much the engine does at once.
 *
 * @param slots                the most rows in the running batch
 * @param prefillTokensPerStep the most prompt tokens in one step, so that a long prompt does not stop others' tokens
 * @param kvBytes              the budget for keys and values of all rows, in bytes
 */
public record EngineLimits(int slots, int prefillTokensPerStep, long kvBytes) {

    public EngineLimits {
        if (slots < 1 || prefillTokensPerStep < 1 || kvBytes < 1) {
            throw new IllegalArgumentException("slots, prefillTokensPerStep and kvBytes must be at least 1: "
                    + slots + ", " + prefillTokensPerStep + ", " + kvBytes);
        }
    }
}
