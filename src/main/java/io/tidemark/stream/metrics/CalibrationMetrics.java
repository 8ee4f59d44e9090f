package io.tidemark.stream.metrics;

import io.micrometer.core.instrument.MeterRegistry;
import io.tidemark.calibration.rule.RuleDecision;
import io.tidemark.calibration.rule.RuleEvidence;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.UncountedExamples;
import io.tidemark.stream.calibrator.CalibrationListener;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.ToDoubleFunction;

/** The meters of the calibrator. */
public final class CalibrationMetrics implements CalibrationListener {

    private static final String ADAPTER = "adapter";

    private final MeterRegistry registry;
    private final Meters meters;
    private final Map<String, Last> last = new ConcurrentHashMap<>();
    private volatile double progress;

    /**
     * The values of the last decision on an adapter.
     *
     * @param certified certified boundaries below full LoRA
     * @param logE      ln E of the boundary in force; NaN for full LoRA and for a boundary that is not scored
     */
    private record Last(double certified, double logE) {

        static Last of(RuleDecision decision) {
            List<RuleEvidence.BoundaryEvidence> rows = decision.evidence().boundaries();
            long certified = rows.stream()
                    .filter(row -> row.logE().isPresent() && row.certified())
                    .count();
            OptionalDouble logE = decision.evidence()
                    .row(decision.inForce().boundary())
                    .map(RuleEvidence.BoundaryEvidence::logE)
                    .orElse(OptionalDouble.empty());
            return new Last(certified, logE.orElse(Double.NaN));
        }
    }

    public CalibrationMetrics(MeterRegistry registry) {
        this.registry = registry;
        this.meters = new Meters(registry);
        meters.gauge("tidemark.calibration.progress", "progress of the current sweep, 0 to 1", () -> progress);
    }

    @Override
    public void onProgress(String adapter, String batchId, double progress) {
        this.progress = progress;
    }

    @Override
    public void onCounted(String adapter, int examples, UncountedExamples uncounted, double sweepSeconds) {
        registry.counter("tidemark.calibration.examples", ADAPTER, adapter).increment(examples);
        registry.counter("tidemark.calibration.repeats", ADAPTER, adapter).increment(uncounted.repeats());
        registry.counter("tidemark.calibration.repeated.groups", ADAPTER, adapter)
                .increment(uncounted.repeatedGroups());
        registry.counter("tidemark.calibration.refused.examples", ADAPTER, adapter)
                .increment(uncounted.refused());
        registry.timer("tidemark.calibration.sweep", ADAPTER, adapter)
                .record((long) (sweepSeconds * 1e9), TimeUnit.NANOSECONDS);
        if (examples > 0) {
            registry.timer("tidemark.calibration.example", ADAPTER, adapter)
                    .record((long) (sweepSeconds / examples * 1e9), TimeUnit.NANOSECONDS);
        }
        progress = 0;
    }

    @Override
    public void onDecision(String adapter, RuleDecision decision) {
        String reason = decision.reason().label();
        registry.counter("tidemark.calibration.runs", ADAPTER, adapter, "outcome", reason)
                .increment();
        if (decision.isWithdrawal()) {
            registry.counter("tidemark.calibration.withdrawals", ADAPTER, adapter, "reason", reason)
                    .increment();
        }
        decision.epochEnd()
                .ifPresent(end -> registry.counter(
                                "tidemark.calibration.epochs",
                                ADAPTER,
                                adapter,
                                "reason",
                                end.name().toLowerCase(Locale.ROOT))
                        .increment());
        if (last.put(adapter, Last.of(decision)) == null) {
            gauge("tidemark.calibration.certified", "certified boundaries below full LoRA", adapter, Last::certified);
            gauge("tidemark.calibration.log.e", "ln E of the boundary in force", adapter, Last::logE);
        }
    }

    private void gauge(String name, String description, String adapter, ToDoubleFunction<Last> value) {
        meters.gauge(name, description, () -> value.applyAsDouble(last.get(adapter)), ADAPTER, adapter);
    }

    @Override
    public void onConflict(String adapter) {
        registry.counter("tidemark.calibration.conflicts", ADAPTER, adapter).increment();
    }

    @Override
    public void onRejected(ErrorBody error) {
        registry.counter("tidemark.calibration.refused", "code", error.code()).increment();
        progress = 0;
    }
}
