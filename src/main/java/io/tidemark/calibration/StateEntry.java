package io.tidemark.calibration;

/** What a record of the topic {@code calibration-state} holds. */
public sealed interface StateEntry {

    record Present(CalibrationState state) implements StateEntry {}

    /** A tombstone. */
    record Absent() implements StateEntry {}

    /** A value that is no state; the calibrator starts afresh for that key, and says so. */
    record Broken(String message) implements StateEntry {}
}
