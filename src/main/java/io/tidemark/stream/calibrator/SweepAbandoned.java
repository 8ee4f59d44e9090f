package io.tidemark.stream.calibrator;

/** A sweep was ended before its end: its partition has gone, or the process stops. The batch is read again. */
public final class SweepAbandoned extends Exception {

    private static final long serialVersionUID = 1L;

    SweepAbandoned() {
        super("the sweep was abandoned", null, false, false);
    }
}
