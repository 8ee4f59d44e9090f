package io.tidemark.cli.file;

import java.time.Duration;

/**
 * The bounds of the open requests of a file.
 *
 * @param requests how many may be open, 1 or more
 * @param bytes    how many bytes their lines may have together, 1 or more; a line that is larger is sent alone
 * @param timeout  the longest time without a result while requests are open
 */
public record WindowLimits(int requests, long bytes, Duration timeout) {

    public WindowLimits {
        if (requests < 1 || bytes < 1 || timeout.isNegative() || timeout.isZero()) {
            throw new IllegalArgumentException(
                    "limits must be positive: " + requests + " requests, " + bytes + " bytes, " + timeout);
        }
    }
}
