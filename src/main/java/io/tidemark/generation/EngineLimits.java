package io.tidemark.generation;

/**
 * How much the engine does at once, in all its instances together.
 *
 * @param maxNumSeqs           the most rows that run
 * @param prefillTokensPerStep the most prompt tokens per step, divided equally among the instances and rounded up; an instance
 *                             takes at least {@code Decoder.chunkTokens()}
 * @param kvBytes              the budget for keys and values of all rows and kept prefixes, in bytes
 * @param prefixBytes          what kept prefixes may take of it while no row needs it; 0 keeps none
 */
public record EngineLimits(int maxNumSeqs, int prefillTokensPerStep, long kvBytes, long prefixBytes) {

    public EngineLimits {
        if (maxNumSeqs < 1 || prefillTokensPerStep < 1 || kvBytes < 1 || prefixBytes < 0) {
            throw new IllegalArgumentException(
                    "maxNumSeqs, prefillTokensPerStep and kvBytes must be at least 1, prefixBytes at least 0: "
                            + maxNumSeqs + ", " + prefillTokensPerStep + ", " + kvBytes + ", " + prefixBytes);
        }
    }

    /** Limits that keep no prefixes: every prompt is run, as measurements want it. */
    public EngineLimits(int maxNumSeqs, int prefillTokensPerStep, long kvBytes) {
        this(maxNumSeqs, prefillTokensPerStep, kvBytes, 0);
    }
}
