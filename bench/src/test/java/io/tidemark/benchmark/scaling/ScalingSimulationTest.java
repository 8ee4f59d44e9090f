package io.tidemark.benchmark.scaling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.tidemark.benchmark.scaling.Signal.Trigger;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Scaling simulation")
class ScalingSimulationTest {

    private static final Throughput SMOLLM2 = Deployment.SMOLLM2.throughput();

    private static ScalingResult run(String signal, Workload workload, int partitions) {
        return simulation(workload, partitions).run(Signal.parse(signal));
    }

    private static ScalingSimulation simulation(Workload workload, int partitions) {
        return new ScalingSimulation(workload, new Deployment(SMOLLM2, 32, 16, 20, partitions, 3, 8), 1);
    }

    private static Workload bursty(double hours) {
        return new Workload(hours, 5, true);
    }

    private static Workload steady(double rate) {
        return new Workload(2, rate, false);
    }

    @ParameterizedTest(name = "{0} sequences: {1} tokens per second")
    @CsvSource({"1, 77", "8, 322", "16, 431", "32, 497"})
    @DisplayName("A full worker has the measured throughput for prompts of 32 tokens and 32 new tokens")
    void measuredThroughput(int sequences, double expected) {
        assertThat(32 / SMOLLM2.seconds(32, 32, sequences)).isCloseTo(expected, within(1.0));
        VirtualClock clock = new VirtualClock();
        List<Request> ended = new ArrayList<>();
        Deployment deployment = new Deployment(SMOLLM2, sequences, 0, 0, 1, 0, 1);
        ConsumerGroup group = new ConsumerGroup(clock, deployment, ended::add);
        group.join(new Worker(clock, deployment, group));
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
        ScalingSimulation simulation = simulation(bursty(3), 16);
        assertThat(simulation.requests()).isGreaterThan(10_000);
        ScalingResult result = simulation.run(Signal.parse(signal));
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
        assertThat(run("work=5+load=0.6", bursty(2), 16)).isEqualTo(run("work=5+load=0.6", bursty(2), 16));
        assertThat(bursty(2).requests(1, 16).size())
                .isNotEqualTo(bursty(2).requests(2, 16).size());
        ScalingSimulation simulation = simulation(bursty(1), 16);
        Signal signal = Signal.parse("work=5");
        assertThat(simulation.run(signal)).as("again").isEqualTo(simulation.run(signal));
    }

    @Test
    @DisplayName("Constant workers below the needed number are late, and above it are not")
    void capacity() {
        double seconds = SMOLLM2.seconds(200, 0.99 * 110 + 0.01 * 2000, 32);
        Workload needsFour = steady(4 / seconds);
        ScalingResult enough = run("replicas=6", needsFour, 48);
        assertThat(simulation(needsFour, 48).neededWorkers().getAverage()).isCloseTo(4, within(0.2));
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
    @DisplayName("The mean rate is that of the workload")
    void workload() {
        List<Request> requests = bursty(24).requests(1, 1000);
        assertThat(requests.size() / 86_400.0).isCloseTo(5, within(1.0));
        assertThat(requests).isSortedAccordingTo(Comparator.comparingDouble(each -> each.arrival));
    }

    @Test
    @DisplayName("A signal is parsed, and a wrong one is rejected with its name")
    void signals() {
        assertThat(Signal.parse("replicas=3").replicas()).hasValue(3);
        Signal signal = Signal.parse("work=2.5+load=0.6@60");
        assertThat(signal.thresholds()).isEqualTo(Map.of(Trigger.WORK, 2.5, Trigger.LOAD, 0.6));
        assertThat(signal.stabilizationSeconds()).isEqualTo(60);
        assertThat(signal.text()).isEqualTo("work=2.5+load=0.6@60");
        assertThatThrownBy(() -> Signal.parse("cpu=3")).hasMessageContaining("'cpu'");
        assertThatThrownBy(() -> Signal.parse("replicas=1+lag=3")).hasMessageContaining("either");
        assertThatThrownBy(() -> Signal.parse("lag=0")).hasMessageContaining("positive");
    }
}
