package io.tidemark.stream.delivery.partition;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.stream.topics.SimulatedKafka;
import io.tidemark.stream.topics.TransactionalId;
import io.tidemark.time.VirtualTime;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsResult;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.internals.KafkaFutureImpl;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The logs of request partitions")
class PartitionLogsTest {

    private static final TopicPartition PARTITION = new TopicPartition("requests", 0);
    private static final TopicPartition SECOND = new TopicPartition("requests", 1);

    private final VirtualTime time = new VirtualTime();
    private final SimulatedKafka kafka = new SimulatedKafka(time, Map.of("requests", 2));
    private final PartitionProgress progress = progress(PARTITION);
    /** The listings that the test answers; a check makes one of stable ends and one of high watermarks. */
    private final List<Map<TopicPartition, KafkaFutureImpl<ListOffsetsResultInfo>>> listings = new ArrayList<>();

    private boolean held = true;

    @Test
    @DisplayName("Are listed by the check after an assignment and every 5 s, and forgotten at the next assignment")
    void listed() {
        try (PartitionLogs logs = new PartitionLogs(kafka.newAdmin(), new RequestTopicStatus(), time)) {
            append();
            assertThat(logs.stableEnd(PARTITION)).as("not listed yet").isEmpty();
            logs.read(List.of(PARTITION));
            logs.check(List.of(progress));
            assertThat(logs.stableEnd(PARTITION)).hasValue(1);
            append();
            logs.check(List.of(progress));
            assertThat(logs.stableEnd(PARTITION)).hasValue(1);
            time.sleep(Duration.ofSeconds(6));
            logs.check(List.of(progress));
            assertThat(logs.stableEnd(PARTITION)).hasValue(2);

            append();
            logs.read(List.of(PARTITION));
            assertThat(logs.stableEnd(PARTITION)).as("assigned again").isEmpty();
            logs.check(List.of(progress));
            assertThat(logs.stableEnd(PARTITION)).hasValue(3);
        }
    }

    @Test
    @DisplayName("Keep the last end of a partition whose listing fails, use those of the others, and are listed again")
    void failedListing() {
        try (PartitionLogs logs = new PartitionLogs(heldAdmin(), new RequestTopicStatus(), time)) {
            List<PartitionProgress> owned = List.of(progress, progress(SECOND));
            logs.check(owned);
            answer(PARTITION, 100);
            answer(SECOND, 50);
            assertThat(logs.stableEnd(SECOND)).hasValue(50);
            time.sleep(Duration.ofSeconds(6));
            logs.check(owned);
            answer(PARTITION, 200);
            last().forEach(listing -> listing.get(SECOND).completeExceptionally(new TimeoutException("no leader")));
            assertThat(logs.stableEnd(PARTITION)).hasValue(200);
            assertThat(logs.stableEnd(SECOND)).hasValue(50);
            time.sleep(Duration.ofSeconds(6));
            logs.check(owned);
            answer(PARTITION, 200);
            answer(SECOND, 60);
            assertThat(logs.stableEnd(SECOND)).hasValue(60);
        }
    }

    @Test
    @DisplayName("Are listed again as soon as a listing has ended during which a partition was assigned")
    void assignedDuringListing() {
        try (PartitionLogs logs = new PartitionLogs(heldAdmin(), new RequestTopicStatus(), time)) {
            logs.check(List.of(progress));
            assertThat(listings).hasSize(2);
            held = false;
            logs.read(List.of(SECOND));
            held = true;
            logs.check(List.of(progress, progress(SECOND)));
            assertThat(listings).as("one at a time").hasSize(2);
            answer(PARTITION, 100);
            logs.check(List.of(progress, progress(SECOND)));
            assertThat(listings).hasSize(4);
            answer(PARTITION, 100);
            answer(SECOND, 50);
            assertThat(logs.stableEnd(SECOND)).hasValue(50);
        }
    }

    private static PartitionProgress progress(TopicPartition partition) {
        return new PartitionProgress(partition, TransactionalId.ofWorker("group", "a"), 0, CommitMetadata.NONE);
    }

    /** An admin client whose listings the test answers while {@link #held}. */
    private Admin heldAdmin() {
        Admin admin = kafka.newAdmin();
        return (Admin) Proxy.newProxyInstance(
                Admin.class.getClassLoader(), new Class<?>[] {Admin.class}, (proxy, method, arguments) -> {
                    if (!held || !method.getName().equals("listOffsets")) {
                        return method.invoke(admin, arguments);
                    }
                    Map<TopicPartition, KafkaFutureImpl<ListOffsetsResultInfo>> listing = new HashMap<>();
                    for (Object partition : ((Map<?, ?>) arguments[0]).keySet()) {
                        listing.put((TopicPartition) partition, new KafkaFutureImpl<>());
                    }
                    listings.add(listing);
                    return new ListOffsetsResult(Map.copyOf(listing));
                });
    }

    private void answer(TopicPartition partition, long end) {
        last().forEach(listing ->
                listing.get(partition).complete(new ListOffsetsResultInfo(end, -1, Optional.empty())));
    }

    private List<Map<TopicPartition, KafkaFutureImpl<ListOffsetsResultInfo>>> last() {
        return listings.subList(listings.size() - 2, listings.size());
    }

    private void append() {
        kafka.append(PARTITION, "key".getBytes(UTF_8), "value".getBytes(UTF_8));
    }
}
