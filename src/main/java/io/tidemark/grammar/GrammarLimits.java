package io.tidemark.grammar;

import java.time.Duration;

/**
 * What one format may cost. Times are converted to steps of the compiler at a fixed rate, so that the same format is
 * accepted or refused on every machine; a slow machine takes longer than the time says.
 *
 * @param formatBytes  bytes of a format in UTF-8
 * @param compileTime  time to compile a format
 * @param grammarBytes native memory of one compiled grammar with what its sequences add; the grammar may have half
 * @param maskTime     time to compute the mask of one row of a step
 * @param cacheBytes   native memory of all compiled grammars, in use or kept for later requests; those in use may have
 *                     {@code grammarBytes} if that is more
 */
public record GrammarLimits(
        long formatBytes, Duration compileTime, long grammarBytes, Duration maskTime, long cacheBytes) {

    /** The limits that a service has by default. */
    public static final GrammarLimits DEFAULT =
            new GrammarLimits(64 << 10, Duration.ofMillis(100), 64 << 20, Duration.ofMillis(10), 256 << 20);

    public GrammarLimits {
        if (formatBytes < 1 || grammarBytes < 1 || cacheBytes < 0) {
            throw new IllegalArgumentException("bytes must be positive");
        }
        if (compileTime.isNegative() || compileTime.isZero() || maskTime.isNegative() || maskTime.isZero()) {
            throw new IllegalArgumentException("times must be positive");
        }
    }

    /** The native memory of all grammars with their sequences, in bytes. */
    long totalBytes() {
        return Math.max(cacheBytes, grammarBytes);
    }

    /** How many bytes grammars in use may have when another one is compiled. The rest is for what sequences add. */
    long admittedBytes() {
        return totalBytes() / 4 * 3;
    }

    /** The last part of the admitted bytes: each tenant may use its share of it, whatever the others hold. */
    long sharedBytes() {
        return admittedBytes() / 4;
    }
}
