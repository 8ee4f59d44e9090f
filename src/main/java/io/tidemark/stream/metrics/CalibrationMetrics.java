package io.tidemark.stream.metrics;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.tidemark.calibration.Decision;
import io.tidemark.message.ErrorBody;
import io.tidemark.stream.calibrator.CalibrationListener;
import io.tidemark.stream.calibrator.CalibrationOutcome;
import java.util.concurrent.TimeUnit;

/** The calibrator's meters. */
public final class CalibrationMetrics implements CalibrationListener {

    private final MeterRegistry registry;
    private volatile double progress;

    public CalibrationMetrics(MeterRegistry registry) {
        this.registry = registry;
        Gauge.builder("tidemark.calibration.progress", () -> progress)
                .strongReference(true)
                .register(registry);
    }

    @Override
    public void onProgress(String adapter, String batchId, double progress) {
        this.progress = progress;
    }

    @Override
    public void onOutcome(CalibrationOutcome outcome) {
        registry.counter(
                        "tidemark.calibration.runs", "adapter", outcome.adapter(), "outcome", label(outcome.decision()))
                .increment();
        registry.timer("tidemark.calibration.sweep", "adapter", outcome.adapter())
                .record((long) (outcome.seconds() * 1e9), TimeUnit.NANOSECONDS);
        progress = 0;
    }

    @Override
    public void onRefused(ErrorBody error) {
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
