package io.tidemark.benchmark.scaling;

import io.tidemark.load.WorkEstimate;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.function.Function;

/**
 * The scraped metrics of all workers, and the series that the scaler queries: those of the rules in
 * {@code k8s/components/prometheus}, evaluated at each query. Values are as old as the last scrape.
 */
final class Prometheus {

    /** The range of {@code rate(tidemark_engine_tokens_total[2m])}, in seconds. */
    private static final double RANGE = 120;
    /** The range of the {@code last_day} series, in seconds. */
    private static final double DAY = 24 * 3600;
    /** How many tokens a record counts as before the first answer. */
    private static final double FIRST_TOKENS_PER_RECORD = 512;

    private final VirtualClock clock;
    private final Map<Worker, Deque<Sample>> series = new LinkedHashMap<>();
    /** The last sample of each worker. */
    private final Map<Worker, Sample> lastDay = new LinkedHashMap<>();

    /**
     * The metrics of a worker.
     *
     * @param outstandingTokens {@code tidemark_outstanding_tokens}
     * @param waitingRecords    {@code tidemark_waiting_records}
     * @param tokensPerRecord   {@code tidemark_tokens_per_record}
     * @param tokensPerSecond   {@code tidemark_tokens_per_second}
     * @param engineTokens      {@code tidemark_engine_tokens_total}
     */
    private record Sample(
            double time,
            double outstandingTokens,
            double waitingRecords,
            OptionalDouble tokensPerRecord,
            OptionalDouble tokensPerSecond,
            long engineTokens) {

        private static Sample of(double time, Worker worker) {
            WorkEstimate work = worker.work();
            return new Sample(
                    time,
                    work.outstandingTokens(),
                    work.waitingRecords(Worker.TOPIC),
                    work.tokensPerRecord(),
                    work.tokensPerSecond(),
                    worker.tokensProcessed());
        }
    }

    Prometheus(VirtualClock clock) {
        this.clock = clock;
    }

    /** Reads the metrics of a worker now and after each interval, until it has stopped. */
    void scrape(Worker worker) {
        Deque<Sample> samples = series.computeIfAbsent(worker, any -> new ArrayDeque<>());
        if (!worker.isStopped()) {
            samples.add(Sample.of(clock.now(), worker));
            lastDay.put(worker, samples.getLast());
        }
        while (!samples.isEmpty() && samples.getFirst().time < clock.now() - RANGE) {
            samples.remove();
        }
        if (samples.isEmpty()) {
            series.remove(worker);
        } else {
            clock.after(Deployment.METRICS_SECONDS, () -> scrape(worker));
        }
    }

    /** {@code tidemark:work_seconds}; 0 if no capacity is known, as KEDA reads an empty series. */
    double workSeconds() {
        List<Sample> current = current();
        double records = current.stream().mapToDouble(Sample::waitingRecords).sum();
        double tokens = current.stream().mapToDouble(Sample::outstandingTokens).sum()
                + records * mean(Sample::tokensPerRecord).orElse(FIRST_TOKENS_PER_RECORD);
        OptionalDouble perSecond = mean(Sample::tokensPerSecond);
        return perSecond.isPresent() ? tokens / perSecond.getAsDouble() : 0;
    }

    /** {@code tidemark:load_workers}; 0 if no capacity is known. */
    double loadWorkers() {
        OptionalDouble perSecond = mean(Sample::tokensPerSecond);
        return perSecond.isPresent()
                ? series.values().stream().mapToDouble(this::rate).sum() / perSecond.getAsDouble()
                : 0;
    }

    /** The mean over the workers that export a value, or else over those of the last day. */
    private OptionalDouble mean(Function<Sample, OptionalDouble> value) {
        OptionalDouble present = mean(current(), value);
        if (present.isPresent()) {
            return present;
        }
        lastDay.values().removeIf(each -> each.time <= clock.now() - DAY);
        return mean(lastDay.values(), value);
    }

    private static OptionalDouble mean(Collection<Sample> samples, Function<Sample, OptionalDouble> value) {
        return samples.stream()
                .flatMapToDouble(each -> value.apply(each).stream())
                .average();
    }

    private List<Sample> current() {
        return series.entrySet().stream()
                .filter(each -> !each.getKey().isStopped())
                .map(each -> each.getValue().getLast())
                .toList();
    }

    /** {@code rate} with its extrapolation to the limits of the range. */
    private double rate(Deque<Sample> samples) {
        List<Sample> inRange =
                samples.stream().filter(each -> each.time > clock.now() - RANGE).toList();
        if (inRange.size() < 2) {
            return 0;
        }
        Sample first = inRange.get(0);
        Sample last = inRange.get(inRange.size() - 1);
        double sampled = last.time - first.time;
        double interval = sampled / (inRange.size() - 1);
        double increase = last.engineTokens - first.engineTokens;
        double before = first.time - (clock.now() - RANGE);
        double after = clock.now() - last.time;
        before = before < 1.1 * interval ? before : interval / 2;
        after = after < 1.1 * interval ? after : interval / 2;
        if (increase > 0) {
            before = Math.min(before, sampled * first.engineTokens / increase);
        }
        return increase * (sampled + before + after) / sampled / RANGE;
    }
}
