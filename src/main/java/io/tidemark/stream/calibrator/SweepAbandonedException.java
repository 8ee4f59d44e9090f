package io.tidemark.stream.calibrator;

/**
 * A batch was abandoned before its end, because its partition was revoked, the engine failed or the process stops. The
 * batch is not committed, and its next reader scores it.
 */
public final class SweepAbandonedException extends Exception {

    private static final long serialVersionUID = 1L;

    public SweepAbandonedException() {
        super("the sweep was abandoned", null, false, false);
    }
}
