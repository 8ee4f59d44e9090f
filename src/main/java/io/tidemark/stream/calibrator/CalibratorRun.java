package io.tidemark.stream.calibrator;

import java.util.Optional;
import java.util.UUID;

/**
 * One run of a calibrator, from its start to its close: what its sessions share with the callers of
 * {@link CalibratorService}. Thread-safe.
 */
final class CalibratorRun {

    private final CalibrationListener listener;
    private final String process = UUID.randomUUID().toString();
    private volatile boolean running = true;
    private volatile Optional<String> disruption = Optional.empty();

    CalibratorRun(CalibrationListener listener) {
        this.listener = listener;
    }

    /** Called on the calibrator's thread. */
    CalibrationListener listener() {
        return listener;
    }

    /** A random name of the process, for {@link BatchAttempts}. */
    String process() {
        return process;
    }

    /** False after {@link #stop}. A sweep then ends early. */
    boolean isRunning() {
        return running;
    }

    void stop() {
        running = false;
    }

    /** Why batches are not processed at the moment. */
    Optional<String> disruption() {
        return disruption;
    }

    /** Called when a session has failed. */
    void disrupted(String reason) {
        disruption = Optional.of(reason);
    }

    /** Called when a session is a member of the group. */
    void joined() {
        disruption = Optional.empty();
    }
}
