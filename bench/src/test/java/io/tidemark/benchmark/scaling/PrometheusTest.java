package io.tidemark.benchmark.scaling;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.TreeMap;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Simulated Prometheus")
class PrometheusTest {

    private static final Percentage ROUNDING = Percentage.withPercentage(1e-6);
    private static final Deployment DEPLOYMENT =
            new Deployment(new Throughput(new TreeMap<>(Map.of(1, 10.0, 4, 20.0)), 1000), 4, 2, 0, 2, 3, 12);

    private final VirtualClock clock = new VirtualClock();
    private final Prometheus prometheus = new Prometheus(clock);
    private final ConsumerGroup group = new ConsumerGroup(clock, DEPLOYMENT, any -> {});
    private Worker first;

    @BeforeEach
    void start() {
        first = join();
    }

    private Worker join() {
        Worker worker = new Worker(clock, DEPLOYMENT, group);
        group.join(worker);
        prometheus.scrape(worker);
        return worker;
    }

    private void append(int count, int completion) {
        for (int i = 0; i < count; i++) {
            group.append(new Request(clock.now(), i % 2, 10, completion, completion));
        }
    }

    @Test
    @DisplayName("Reads 0 as the work and the load until a worker has measured its capacity")
    void unknownCapacity() {
        append(3, 1000);
        Steps.runTo(clock, 60);
        assertThat(first.work().outstandingTokens()).isPositive();
        assertThat(prometheus.workSeconds()).isZero();
        assertThat(prometheus.loadWorkers()).isZero();
    }

    @Test
    @DisplayName("Counts the records of a worker without an answer with the mean of the others")
    void newWorker() {
        append(150, 50);
        Steps.runTo(clock, 50.5);
        Worker second = join();
        while (second.work().waitingRecords(Worker.TOPIC) == 0) {
            Steps.runTo(clock, clock.now() + 0.5);
        }
        prometheus.scrape(first);
        prometheus.scrape(second);
        double perRecord = first.work().tokensPerRecord().orElseThrow();
        double perSecond = first.work().tokensPerSecond().orElseThrow();
        assertThat(second.work().tokensPerRecord()).isEmpty();
        assertThat(second.work().tokensPerSecond()).isEmpty();
        double waiting = second.work().waitingRecords(Worker.TOPIC);
        double tokens = first.work().outstandingTokens()
                + second.work().outstandingTokens()
                + (first.work().waitingRecords(Worker.TOPIC) + waiting) * perRecord;
        assertThat(prometheus.workSeconds()).isCloseTo(tokens / perSecond, ROUNDING);
    }

    @Test
    @DisplayName("Uses the capacity of the last day's workers if no present one has measured it, and forgets it then")
    void lastDay() {
        append(50, 50);
        Steps.runTo(clock, 60);
        double perSecond = first.work().tokensPerSecond().orElseThrow();
        Steps.runTo(clock, 300);
        first.stop();
        Steps.runTo(clock, 400);
        assertThat(prometheus.workSeconds()).as("no worker").isZero();
        Worker second = join();
        append(2, 1_000_000);
        Steps.runTo(clock, 3600);
        assertThat(second.work().tokensPerSecond()).isEmpty();
        prometheus.scrape(second);
        assertThat(prometheus.workSeconds())
                .isCloseTo(second.work().outstandingTokens() / perSecond, Percentage.withPercentage(10));
        assertThat(prometheus.loadWorkers()).isPositive();
        Steps.runTo(clock, 25 * 3600);
        assertThat(prometheus.workSeconds()).isZero();
    }
}
