package io.tidemark.benchmark.scaling;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.load.WorkEstimate;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Map;
import java.util.TreeMap;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Simulated worker")
class WorkerTest {

    private static final int MAX_NUM_SEQS = 4;
    private static final int MAX_QUEUED = 2;
    /** 20 tokens per second if four sequences decode. */
    private static final Deployment DEPLOYMENT = new Deployment(
            new Throughput(new TreeMap<>(Map.of(1, 10.0, MAX_NUM_SEQS, 20.0)), 1000),
            MAX_NUM_SEQS,
            MAX_QUEUED,
            0,
            1,
            0,
            12);

    private final VirtualClock clock = new VirtualClock();
    private final Deque<Request> ended = new ArrayDeque<>();

    private ConsumerGroup group() {
        return new ConsumerGroup(clock, DEPLOYMENT, ended::add);
    }

    private Worker join(ConsumerGroup group) {
        Worker worker = new Worker(clock, DEPLOYMENT, group);
        group.join(worker);
        return worker;
    }

    private void append(ConsumerGroup group, int count, int prompt, int completion) {
        for (int i = 0; i < count; i++) {
            group.append(new Request(clock.now(), 0, prompt, completion, 2 * completion));
        }
    }

    @Test
    @DisplayName("Exports what the estimate of a real worker computes from its engine and answers, second by second")
    void exportsTheEstimate() {
        ConsumerGroup group = group();
        Worker worker = join(group);
        WorkEstimate expected = new WorkEstimate(worker);
        expected.sample(clock.nanos());
        for (int second = 1; second <= 300; second++) {
            if (second == 1) {
                append(group, 30, 17, 43);
            }
            if (second > 120 && second % 5 == 0) {
                append(group, 1, 301, 1);
            }
            Steps.runTo(clock, second);
            while (!ended.isEmpty()) {
                Request request = ended.remove();
                expected.answered(request.prompt, request.completion, 1);
            }
            expected.sample(clock.nanos());
            assertThat(worker.work().outstandingTokens()).isEqualTo(expected.outstandingTokens());
            assertThat(worker.work().tokensPerRecord()).isEqualTo(expected.tokensPerRecord());
            assertThat(worker.work().tokensPerSecond())
                    .as("capacity after %d s", second)
                    .isEqualTo(expected.tokensPerSecond());
            if (second == 120) {
                assertThat(expected.tokensPerSecond().orElseThrow())
                        .as("with prompts, while saturated")
                        .isBetween(20.0, 35.0);
            }
        }
        assertThat(expected.tokensPerSecond().orElseThrow())
                .as("raised by a load without saturation")
                .isBetween(60.0, 75.0);
    }

    @Test
    @DisplayName("Measures its capacity while all sequences run, although no request waits for one")
    void saturated() {
        ConsumerGroup group = group();
        Worker worker = join(group);
        append(group, MAX_NUM_SEQS - 1, 1, 1000);
        Steps.runTo(clock, 60);
        assertThat(worker.work().tokensPerSecond()).isEmpty();
        append(group, 1, 1, 1000);
        Steps.runTo(clock, 90);
        assertThat(worker.work().waitingRecords(Worker.TOPIC)).isZero();
        assertThat(worker.work().tokensPerSecond().orElseThrow()).isCloseTo(20, Percentage.withPercentage(3));
    }

    @Test
    @DisplayName("Counts records outside of its engine; those that are not read count within 6 s")
    void waitingRecords() {
        ConsumerGroup group = group();
        Worker worker = join(group);
        append(group, 100, 1, 1000);
        Steps.runTo(clock, 6);
        assertThat(worker.work().waitingRecords(Worker.TOPIC)).isEqualTo(100 - MAX_NUM_SEQS - MAX_QUEUED);
        append(group, 50, 1, 1000);
        assertThat(worker.work().waitingRecords(Worker.TOPIC))
                .as("the end is not read again yet")
                .isEqualTo(100 - MAX_NUM_SEQS - MAX_QUEUED);
        Steps.runTo(clock, 12);
        assertThat(worker.work().waitingRecords(Worker.TOPIC)).isEqualTo(150 - MAX_NUM_SEQS - MAX_QUEUED);
    }

    @Test
    @DisplayName("Counts the waiting records of a partition until it is revoked; then its next owner counts them")
    void movedPartition() {
        ConsumerGroup group = group();
        Worker first = join(group);
        append(group, 60, 1, 1000);
        Steps.runTo(clock, 6);
        double waiting = 60.0 - MAX_NUM_SEQS - MAX_QUEUED;
        assertThat(first.work().waitingRecords(Worker.TOPIC)).isEqualTo(waiting);
        Worker second = join(group);
        first.stop();
        Steps.runTo(clock, 25);
        assertThat(first.work().waitingRecords(Worker.TOPIC)).as("stopping").isEqualTo(waiting);
        Steps.runTo(clock, 32);
        assertThat(first.isStopped()).isTrue();
        assertThat(second.work().waitingRecords(Worker.TOPIC)).isEqualTo(waiting);
    }
}
