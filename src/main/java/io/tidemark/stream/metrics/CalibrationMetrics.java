package io.tidemark.stream.metrics;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.tidemark.calibration.Decision;
import io.tidemark.message.ErrorBody;
import io.tidemark.stream.calibrator.CalibrationListener;
import java.util.concurrent.TimeUnit;

/** The meters of the calibrator. */
public final class CalibrationMetrics implements CalibrationListener {

    private final MeterRegistry registry;
    private volatile double progress;

    public CalibrationMetrics(MeterRegistry registry) {
        this.registry = registry;
        Gauge.builder("tidemark.calibration.progress", () -> progress)
                .description("progress of the current sweep, 0 to 1")
                .strongReference(true)
                .register(registry);
    }

    @Override
    public void onProgress(String adapter, String batchId, double progress) {
        this.progress = progress;
    }

    @Override
    public void onDecision(String adapter, Decision decision, double sweepSeconds) {
        registry.counter("tidemark.calibration.runs", "adapter", adapter, "outcome", label(decision))
                .increment();
        registry.timer("tidemark.calibration.sweep", "adapter", adapter)
                .record((long) (sweepSeconds * 1e9), TimeUnit.NANOSECONDS);
        progress = 0;
    }

    @Override
    public void onRejected(ErrorBody error) {
        registry.counter("tidemark.calibration.refused", "code", error.code()).increment();
        progress = 0;
    }

    private static String label(Decision decision) {
        if (decision instanceof Decision.Kept kept) {
            return kept.reason().label();
        }
        return ((Decision.Chosen) decision).moved() ? "moved" : "confirmed";
    }
}
