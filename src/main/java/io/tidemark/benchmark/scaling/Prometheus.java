package io.tidemark.benchmark.scaling;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/** The scraped metrics of all workers and the queries of the scaler. Values are as old as the last scrape. */
final class Prometheus {

    /** Range of {@code rate(tidemark_tokens_total[2m])}. */
    private static final double RANGE = 120;

    private final VirtualClock clock;
    private final ConsumerGroup group;
    private final Map<Worker, Deque<Sample>> series = new LinkedHashMap<>();
    /** Infinite before the first measurement, so that queries without a value count as 0. */
    private double lastCapacity = Double.POSITIVE_INFINITY;

    private record Sample(double time, double waitingTokens, OptionalDouble tokensPerSecond, double tokens) {}

    Prometheus(VirtualClock clock, ConsumerGroup group) {
        this.clock = clock;
        this.group = group;
    }

    /** Reads the metrics of a worker now and after each interval, until it has stopped. */
    void scrape(Worker worker, double interval) {
        Deque<Sample> samples = series.computeIfAbsent(worker, any -> new ArrayDeque<>());
        if (!worker.isStopped()) {
            double topic = group.waiting(worker) * worker.tokensPerRequest();
            samples.add(new Sample(
                    clock.now(), worker.outstandingTokens() + topic, worker.tokensPerSecond(), worker.tokens()));
        }
        while (!samples.isEmpty() && samples.getFirst().time < clock.now() - RANGE) {
            samples.remove();
        }
        if (samples.isEmpty()) {
            series.remove(worker);
        } else {
            clock.after(interval, () -> scrape(worker, interval));
        }
    }

    /** {@code tidemark:work_seconds}: the tokens that wait over the capacity of a worker. */
    double workSeconds() {
        return current().stream().mapToDouble(Sample::waitingTokens).sum() / capacity();
    }

    /** {@code tidemark:load_workers}: the rate of processed tokens over the capacity of a worker. */
    double load() {
        return series.values().stream().mapToDouble(this::rate).sum() / capacity();
    }

    /** {@code tidemark:tokens_per_second}: the mean over the workers that have measured it, or else the last mean. */
    private double capacity() {
        lastCapacity = current().stream()
                .flatMapToDouble(each -> each.tokensPerSecond.stream())
                .average()
                .orElse(lastCapacity);
        return lastCapacity;
    }

    private List<Sample> current() {
        List<Sample> current = new ArrayList<>();
        series.forEach((worker, samples) -> {
            if (!worker.isStopped()) {
                current.add(samples.getLast());
            }
        });
        return current;
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
        double increase = last.tokens - first.tokens;
        double before = first.time - (clock.now() - RANGE);
        double after = clock.now() - last.time;
        before = before < 1.1 * interval ? before : interval / 2;
        after = after < 1.1 * interval ? after : interval / 2;
        if (increase > 0) {
            before = Math.min(before, sampled * first.tokens / increase);
        }
        return increase * (sampled + before + after) / sampled / RANGE;
    }
}
