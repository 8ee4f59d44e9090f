package io.tidemark.stream.delivery.partition;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.stream.topics.SimulatedKafka;
import io.tidemark.stream.topics.TransactionalId;
import io.tidemark.time.VirtualTime;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The logs of request partitions")
class PartitionLogsTest {

    private static final TopicPartition PARTITION = new TopicPartition("requests", 0);

    private final VirtualTime time = new VirtualTime();
    private final SimulatedKafka kafka = new SimulatedKafka(time, Map.of("requests", 1));
    private final PartitionProgress progress =
            new PartitionProgress(PARTITION, TransactionalId.ofWorker("group", "a"), 0, CommitMetadata.NONE);

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

    private void append() {
        kafka.append(PARTITION, "key".getBytes(UTF_8), "value".getBytes(UTF_8));
    }
}
