package io.tidemark.stream.calibrator;

import io.quarkus.arc.Unremovable;
import io.tidemark.message.ErrorBody;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** Lets others in this process follow calibration, such as the demo's progress bar. */
@Unremovable
@ApplicationScoped
public class CalibrationFeed implements CalibrationListener {

    private final List<CalibrationListener> listeners = new CopyOnWriteArrayList<>();

    public void listen(CalibrationListener listener) {
        listeners.add(listener);
    }

    @Override
    public void onProgress(String adapter, String batchId, double progress) {
        listeners.forEach(listener -> listener.onProgress(adapter, batchId, progress));
    }

    @Override
    public void onOutcome(CalibrationOutcome outcome) {
        listeners.forEach(listener -> listener.onOutcome(outcome));
    }

    @Override
    public void onRefused(ErrorBody error) {
        listeners.forEach(listener -> listener.onRefused(error));
    }
}
