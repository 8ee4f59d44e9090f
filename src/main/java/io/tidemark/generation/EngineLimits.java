package io.tidemark.generation;

import java.time.Duration;

/**
 * Limits of an engine.
 *
 * @param maxNumSeqs           maximum number of running sequences, 1 or more
 * @param prefillTokensPerStep maximum number of prompt tokens per step, at least {@code Decoder.chunkTokens()}
 * @param kvBytes              bytes for keys and values of all sequences and cached prefixes, 1 or more
 * @param prefixBytes          part of {@code kvBytes} that cached prefixes may use while no sequence needs it; 0
 *                             disables the prefix cache
 * @param maskTimePerStep      time for the masks of the rows with a grammar in one step; rows that do not fit wait for
 *                             a later step
 */
public record EngineLimits(
        int maxNumSeqs, int prefillTokensPerStep, long kvBytes, long prefixBytes, Duration maskTimePerStep) {

    /** The default time for the masks of a step. */
    public static final Duration MASK_TIME_PER_STEP = Duration.ofMillis(20);

    public EngineLimits {
        if (maskTimePerStep.isNegative() || maskTimePerStep.isZero()) {
            throw new IllegalArgumentException("maskTimePerStep must be positive: " + maskTimePerStep);
        }
        if (maxNumSeqs < 1 || prefillTokensPerStep < 1 || kvBytes < 1 || prefixBytes < 0) {
            throw new IllegalArgumentException(
                    "maxNumSeqs, prefillTokensPerStep and kvBytes must be at least 1, prefixBytes at least 0: "
                            + maxNumSeqs + ", " + prefillTokensPerStep + ", " + kvBytes + ", " + prefixBytes);
        }
    }

    /** Limits with the usual time for masks. */
    public EngineLimits(int maxNumSeqs, int prefillTokensPerStep, long kvBytes, long prefixBytes) {
        this(maxNumSeqs, prefillTokensPerStep, kvBytes, prefixBytes, MASK_TIME_PER_STEP);
    }

    /** Limits without a prefix cache, for measurements: every prompt is computed. */
    public EngineLimits(int maxNumSeqs, int prefillTokensPerStep, long kvBytes) {
        this(maxNumSeqs, prefillTokensPerStep, kvBytes, 0);
    }
}
