package io.tidemark.stream.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.load.HeapBudget;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The requests that were read")
class ReadAheadTest {

    /** 16 MiB for read records. */
    static final HeapBudget BUDGET = new HeapBudget(HeapBudget.MIN_HEAP_BYTES, 1 << 20);

    /** No request has started. */
    static OpenShares nothingOpen() {
        return new OpenShares(1 << 30, 1, 1);
    }

    @Test
    @DisplayName("Of a partition start within one turn of the others, however many the others have")
    void partitionsTakeTurns() {
        ReadAhead requests = new ReadAhead(Deliveries.tenants(List.of("t")), 0.1, 100, BUDGET, any -> false);
        add(requests, "t", 0, 50);
        add(requests, "t", 1, 2);
        add(requests, "t", 2, 1);
        assertThat(take(requests, 6)).containsExactly("t-0@0", "t-1@0", "t-2@0", "t-0@1", "t-1@1", "t-0@2");
    }

    @Test
    @DisplayName("Of a lower topic get one start of ten while the higher topic has requests, and all starts afterwards")
    void lowerShare() {
        ReadAhead requests = new ReadAhead(Deliveries.tenants(List.of("high", "low")), 0.1, 100, BUDGET, any -> false);
        add(requests, "high", 0, 90);
        add(requests, "low", 0, 20);
        assertThat(take(requests, 100))
                .filteredOn(each -> each.startsWith("low"))
                .hasSize(10);
        assertThat(take(requests, 10)).allMatch(each -> each.startsWith("low"));
        assertThat(requests.take(nothingOpen())).isEmpty();
    }

    @Test
    @DisplayName("Of a lower topic wait for the higher one if their share is 0")
    void noShare() {
        ReadAhead requests = new ReadAhead(Deliveries.tenants(List.of("high", "low")), 0, 100, BUDGET, any -> false);
        add(requests, "low", 0, 1);
        add(requests, "high", 0, 30);
        assertThat(take(requests, 31).get(30)).startsWith("low");
    }

    @Test
    @DisplayName("Of a lost partition are forgotten, and its place is free again")
    void removed() {
        ReadAhead requests = new ReadAhead(Deliveries.tenants(List.of("t")), 0.1, 2, BUDGET, any -> false);
        add(requests, "t", 0, 2);
        TopicPartition partition = new TopicPartition("t", 0);
        assertThat(requests.isFull(partition, 1)).isTrue();
        requests.remove(partition);
        assertThat(requests.isFull(partition, 1)).isFalse();
        assertThat(requests.take(nothingOpen())).isEmpty();
    }

    @Test
    @DisplayName("Of a partition have an equal share of the bytes, and those of all partitions together the budget")
    void bytes() {
        ReadAhead requests = new ReadAhead(Deliveries.tenants(List.of("t")), 0.1, 100, BUDGET, any -> false);
        TopicPartition first = new TopicPartition("t", 0);
        TopicPartition second = new TopicPartition("t", 1);
        TopicPartition third = new TopicPartition("t", 2);
        add(requests, first, 5_000_000);
        assertThat(requests.isFull(first, 3)).isFalse();
        add(requests, first, 5_000_000);
        assertThat(requests.isFull(first, 3)).isTrue();
        assertThat(requests.isFull(second, 3)).isFalse();
        add(requests, second, 7_000_000);
        assertThat(requests.isFull(third, 3)).as("16 MiB are read").isTrue();
        requests.take(first);
        assertThat(requests.isFull(third, 3)).isFalse();
        requests.remove(second);
        requests.take(first);
        assertThat(requests.bytes()).isZero();
    }

    @Test
    @DisplayName("That are delayed are passed by others, start when they no longer are, and leave space to read others")
    void delayed() {
        AtomicBoolean delays = new AtomicBoolean(true);
        ReadAhead requests = new ReadAhead(
                Deliveries.tenants(List.of("t")), 0.1, 2, BUDGET, delivery -> delays.get() && delivery.offset() < 40);
        TopicPartition partition = new TopicPartition("t", 0);
        add(requests, "t", 0, 41);
        assertThat(requests.isFull(partition, 1)).isFalse();
        assertThat(take(requests, 10)).containsExactly("t-0@40");
        delays.set(false);
        assertThat(requests.isFull(partition, 1)).isTrue();
        assertThat(take(requests, 2)).containsExactly("t-0@0", "t-0@1");
    }

    @Test
    @DisplayName("That are delayed fill a partition at a number of their own")
    void delayedFull() {
        ReadAhead requests = new ReadAhead(Deliveries.tenants(List.of("t")), 0.1, 2, BUDGET, any -> true);
        add(requests, "t", 0, 2 + ReadAhead.MAX_DELAYED);
        assertThat(requests.isFull(new TopicPartition("t", 0), 1)).isTrue();
        assertThat(requests.isFull(new TopicPartition("t", 1), 1)).isFalse();
    }

    private static void add(ReadAhead requests, TopicPartition partition, int bytes) {
        requests.add(Deliveries.delivery(
                Deliveries.progress(partition),
                new ConsumerRecord<>(partition.topic(), partition.partition(), 0, null, new byte[bytes]),
                Deliveries.toResults("results")));
    }

    private static void add(ReadAhead requests, String topic, int partition, int count) {
        for (int offset = 0; offset < count; offset++) {
            requests.add(Deliveries.delivery(Deliveries.progress(new TopicPartition(topic, partition)), offset));
        }
    }

    private static List<String> take(ReadAhead requests, int count) {
        List<String> taken = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            requests.take(nothingOpen()).ifPresent(delivery -> taken.add(delivery.toString()));
        }
        return taken;
    }
}
