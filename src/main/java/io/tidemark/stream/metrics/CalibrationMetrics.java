package io.tidemark.stream.metrics;

import io.micrometer.core.instrument.MeterRegistry;
import io.tidemark.calibration.Decision;
import io.tidemark.message.ErrorBody;
import io.tidemark.stream.calibrator.CalibrationListener;
import io.tidemark.stream.calibrator.CalibrationOutcome;
import java.util.concurrent.TimeUnit;

/** The calibrator's meters, in front of another listener. */
public final class CalibrationMetrics implements CalibrationListener {

    private final MeterRegistry registry;
    private final CalibrationListener next;

    public CalibrationMetrics(MeterRegistry registry, CalibrationListener next) {
        this.registry = registry;
        this.next = next;
    }

    @Override
    public void onProgress(String adapter, String batchId, double progress) {
        next.onProgress(adapter, batchId, progress);
    }

    @Override
    public void onOutcome(CalibrationOutcome outcome) {
        registry.counter("tidemark.calibration.runs", "adapter", outcome.adapter(), "outcome",
                label(outcome.decision())).increment();
        registry.timer("tidemark.calibration.sweep", "adapter", outcome.adapter())
                .record((long) (outcome.seconds() * 1e9), TimeUnit.NANOSECONDS);
        next.onOutcome(outcome);
    }

    @Override
    public void onRefused(ErrorBody error) {
        registry.counter("tidemark.calibration.refused", "code", error.code()).increment();
        next.onRefused(error);
    }

    private static String label(Decision decision) {
        if (decision instanceof Decision.Kept kept) {
            return kept.reason().label();
        }
        return ((Decision.Chosen) decision).moved() ? "moved" : "confirmed";
    }
}
