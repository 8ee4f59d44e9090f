package io.tidemark.benchmark.scaling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.tidemark.benchmark.scaling.Workload.Arrivals;
import io.tidemark.benchmark.scaling.Workload.Keys;
import io.tidemark.benchmark.scaling.Workload.Lengths;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Scaling simulation")
class ScalingSimulationTest {

    /** The defaults of the command. */
    private static final Throughput SMOLLM2 =
            new Throughput(new TreeMap<>(Map.of(1, 81.0, 8, 410.0, 16, 605.0, 32, 743.0)), 1500);

    private static final WorkerSettings WORKER = new WorkerSettings(SMOLLM2, 32, 16, 20, 20);
    private static final ScalerSettings SCALER = new ScalerSettings(1, 8, 120, 300, 5);
    private static final Arrivals BURSTY = new Arrivals(5, 4, 1200, 300, 0.6);
    private static final Lengths LENGTHS = new Lengths(200, 110, 0.8, 0.01, 2000, 2);

    private static ScalingResult run(String signal, Workload workload, int partitions) {
        return new ScalingSimulation(workload, WORKER, new GroupSettings(partitions, 0, 3, 10), SCALER)
                .run(Signal.parse(signal), 1, 10);
    }

    private static Workload bursty(double hours, Keys keys) {
        return new Workload(hours, BURSTY, LENGTHS, 30, keys);
    }

    private static Workload steady(double rate) {
        return new Workload(2, new Arrivals(rate, 1, 1, 1, 0), LENGTHS, 30, Keys.REQUEST);
    }

    @ParameterizedTest(name = "{0} sequences: {1} tokens per second")
    @CsvSource({"1, 77", "8, 322", "16, 431", "32, 497"})
    @DisplayName("A full worker has the measured throughput for prompts of 32 tokens and 32 new tokens")
    void measuredThroughput(int sequences, double expected) {
        assertThat(32 / SMOLLM2.seconds(32, 32, sequences)).isCloseTo(expected, within(1.0));
        VirtualClock clock = new VirtualClock();
        List<Request> ended = new ArrayList<>();
        ConsumerGroup group = new ConsumerGroup(clock, new GroupSettings(1, 0, 0, 0), ended::add);
        group.join(new Worker(clock, new WorkerSettings(SMOLLM2, sequences, 0, 0, 0), group));
        for (int i = 0; i < 640; i++) {
            group.append(new Request(0, 0, 32, 32, 32));
        }
        while (ended.size() < 640) {
            clock.step();
        }
        assertThat(640 * 32 / clock.now()).isCloseTo(expected, within(0.04 * expected));
    }

    @ParameterizedTest(name = "{0}")
    @ValueSource(strings = {"lag=24", "work=5", "work=5+load=0.6", "replicas=3"})
    @DisplayName("Each request ends once, also if workers come and go")
    void eachRequestEndsOnce(String signal) {
        Workload workload = bursty(3, Keys.REQUEST);
        ScalingResult result = run(signal, workload, 16);
        assertThat(result.requests()).isEqualTo(workload.requests(1, 16).size()).isGreaterThan(10_000);
        assertThat(result.medianWait()).isPositive();
        if (!signal.startsWith("replicas")) {
            assertThat(result.scaleOuts()).isGreaterThan(3);
            assertThat(result.scaleIns()).isGreaterThan(3);
            assertThat(result.repeatedTokens()).isBetween(1e-6, 0.2);
        }
    }

    @Test
    @DisplayName("The result depends on the seed only")
    void deterministic() {
        assertThat(run("work=5+load=0.6", bursty(2, Keys.REQUEST), 16))
                .isEqualTo(run("work=5+load=0.6", bursty(2, Keys.REQUEST), 16));
        assertThat(bursty(2, Keys.REQUEST).requests(1, 16).size())
                .isNotEqualTo(bursty(2, Keys.REQUEST).requests(2, 16).size());
    }

    @Test
    @DisplayName("Constant workers below the needed number are late, and above it are not")
    void capacity() {
        double seconds = SMOLLM2.seconds(200, 0.99 * 110 + 0.01 * 2000, 32);
        Workload needsFour = steady(4 / seconds);
        ScalingResult enough = run("replicas=6", needsFour, 48);
        assertThat(enough.minutes().stream()
                        .mapToDouble(ScalingResult.Minute::neededWorkers)
                        .average()
                        .orElseThrow())
                .isCloseTo(4, within(0.2));
        assertThat(enough.lateShare()).isLessThan(0.02);
        assertThat(enough.replicaHours()).isCloseTo(12, within(1e-6));
        assertThat(run("replicas=3", needsFour, 48).lateShare()).isGreaterThan(0.8);
    }

    @Test
    @DisplayName("More workers than partitions are idle")
    void idleWorkers() {
        Workload workload = steady(8);
        assertThat(run("replicas=8", workload, 2).medianWait())
                .isCloseTo(run("replicas=2", workload, 2).medianWait(), within(1.0));
        assertThat(run("replicas=2", workload, 2).lateShare()).isGreaterThan(0.5);
        assertThat(run("replicas=8", workload, 16).lateShare()).isLessThan(0.02);
    }

    @Test
    @DisplayName("The worker of a hot partition limits the throughput when the adapter is the key")
    void hotPartition() {
        Workload uniform = new Workload(2, new Arrivals(18, 1, 1, 1, 0), LENGTHS, 30, Keys.REQUEST);
        Workload hot = new Workload(2, new Arrivals(18, 1, 1, 1, 0), LENGTHS, 30, Keys.ADAPTER);
        assertThat(run("replicas=8", uniform, 32).lateShare()).isLessThan(0.02);
        // the most popular of 30 adapters has a quarter of the requests: more than one worker can process
        assertThat(run("replicas=8", hot, 32).lateShare()).isGreaterThan(0.2);
    }

    @Test
    @DisplayName("Without requests the last worker is removed after the cooldown, and a request starts one")
    void zero() {
        Workload sparse = new Workload(6, new Arrivals(0.01, 500, 3600, 60, 0), LENGTHS, 30, Keys.REQUEST);
        ScalingResult result = new ScalingSimulation(
                        sparse, WORKER, new GroupSettings(8, 0, 3, 10), new ScalerSettings(0, 8, 120, 300, 5))
                .run(Signal.parse("work=5+load=0.6"), 3, 10);
        assertThat(result.replicaHours()).isBetween(0.1, 5.0);
        assertThat(result.minutes()).anyMatch(each -> each.replicas() == 0).anyMatch(each -> each.replicas() > 0);
    }

    @Test
    @DisplayName("The mean rate is that of the options, and the popularity of adapters is Zipf's")
    void workload() {
        Workload day = bursty(24, Keys.ADAPTER);
        List<Request> requests = day.requests(1, 1000);
        assertThat(requests.size() / 86_400.0).isCloseTo(5, within(1.0));
        assertThat(requests).isSortedAccordingTo(Comparator.comparingDouble(each -> each.arrival));
        long mostPopular = requests.stream()
                .collect(Collectors.groupingBy(each -> each.partition, Collectors.counting()))
                .values()
                .stream()
                .mapToLong(Long::longValue)
                .max()
                .orElseThrow();
        assertThat((double) mostPopular / requests.size()).isCloseTo(0.25, within(0.02));
    }

    @Test
    @DisplayName("A signal is parsed and printed, and a wrong one is rejected with its name")
    void signals() {
        for (String text : List.of("replicas=3", "lag=24", "work=5+load=0.6", "work=2.5@60")) {
            assertThat(Signal.parse(text)).hasToString(text);
        }
        assertThat(Signal.parse("work=5+load=0.6@60").kind()).isEqualTo("work+load@60");
        assertThatThrownBy(() -> Signal.parse("cpu=3")).hasMessageContaining("'cpu'");
        assertThatThrownBy(() -> Signal.parse("replicas=1+lag=3")).hasMessageContaining("either");
        assertThatThrownBy(() -> Signal.parse("lag=0")).hasMessageContaining("positive");
    }
}
