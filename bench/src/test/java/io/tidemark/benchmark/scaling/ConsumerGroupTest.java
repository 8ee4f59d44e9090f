package io.tidemark.benchmark.scaling;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Simulated consumer group")
class ConsumerGroupTest {

    private static final Throughput THROUGHPUT = new Throughput(new TreeMap<>(Map.of(1, 10.0, 4, 40.0)), 1e6);

    private final VirtualClock clock = new VirtualClock();
    private final List<Request> ended = new ArrayList<>();

    private static Deployment deployment(int partitions) {
        return new Deployment(THROUGHPUT, 4, 2, 0, partitions, 3, 12);
    }

    private ConsumerGroup group(int partitions) {
        return new ConsumerGroup(clock, deployment(partitions), ended::add);
    }

    private Worker join(ConsumerGroup group) {
        Worker worker = new Worker(clock, deployment(1), group);
        group.join(worker);
        return worker;
    }

    private Request append(ConsumerGroup group, int partition, int completion) {
        Request request = new Request(clock.now(), partition, 1, completion, completion);
        group.append(request);
        return request;
    }

    @Test
    @DisplayName("A long request holds the committed offset of its partition, so that finished requests count as lag")
    void longRequestHoldsTheOffset() {
        ConsumerGroup group = group(2);
        join(group);
        Steps.runTo(clock, 5);
        append(group, 0, 10_000);
        IntStream.range(0, 10).forEach(any -> append(group, 0, 10));
        IntStream.range(0, 10).forEach(any -> append(group, 1, 10));
        Steps.runTo(clock, 60);
        assertThat(ended).hasSize(20);
        assertThat(group.lag()).isEqualTo(11);
    }

    @Test
    @DisplayName(
            "After the rebalance a second worker has half of the partitions, and a third beyond the partitions none")
    void partitionsAreShared() {
        ConsumerGroup group = group(2);
        List<Worker> workers = List.of(join(group), join(group), join(group));
        Steps.runTo(clock, 20);
        append(group, 0, 10);
        append(group, 1, 10);
        Steps.runTo(clock, 40);
        assertThat(workers.stream().map(worker -> worker.tokensProcessed())).containsExactlyInAnyOrder(11L, 11L, 0L);
    }

    @Test
    @DisplayName("When a partition moves, a request that ends within the grace ends, and a longer one starts again")
    void revocation() {
        ConsumerGroup group = group(2);
        join(group);
        Steps.runTo(clock, 5);
        List<Request> requests =
                List.of(append(group, 0, 50), append(group, 1, 50), append(group, 0, 1000), append(group, 1, 1000));
        Steps.runTo(clock, 6);
        join(group);
        Steps.runTo(clock, 400);
        assertThat(ended).containsExactlyInAnyOrderElementsOf(requests);
        assertThat(requests.subList(0, 2)).allMatch(each -> each.lostTokens == 0);
        // one of the two partitions has moved, about a second after its requests have started
        assertThat(requests.subList(2, 4).stream()
                        .mapToDouble(each -> each.lostTokens)
                        .sorted()
                        .toArray())
                .satisfies(lost -> assertThat(lost[0]).isZero())
                .satisfies(lost -> assertThat(lost[1]).isBetween(5.0, 20.0));
    }

    @Test
    @DisplayName("A worker that stops starts nothing, ends what it can within its grace, and leaves the rest to others")
    void shutdown() {
        ConsumerGroup group = group(1);
        Worker first = join(group);
        Steps.runTo(clock, 5);
        Request shorter = append(group, 0, 100);
        Request longer = append(group, 0, 1000);
        Steps.runTo(clock, 6);
        first.stop();
        Request waiting = append(group, 0, 10);
        join(group);
        Steps.runTo(clock, 26.5);
        assertThat(ended).containsExactly(shorter);
        assertThat(first.isStopped()).isTrue();
        Steps.runTo(clock, 200);
        assertThat(ended).containsExactly(shorter, waiting, longer);
        assertThat(longer.lostTokens).isBetween(150.0, 250.0);
        assertThat(group.lag()).isZero();
    }
}
