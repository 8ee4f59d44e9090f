package io.tidemark.stream.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartitionInfo;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The diagnosis of a topic whose records time out")
class ClusterDiagnosisTest {

    private static final List<Node> BROKERS =
            List.of(new Node(1, "a", 9092), new Node(2, "b", 9092), new Node(3, "c", 9092));

    @Test
    @DisplayName("Finds no fault if all partitions have their leader and their replicas")
    void healthy() {
        assertThat(ClusterDiagnosis.fault(topic(partition(0, true, 2), partition(1, true, 3)), List.of(0, 1), 2))
                .isEmpty();
    }

    @Test
    @DisplayName("Names a partition without a leader, and ignores partitions whose records did not time out")
    void leaderless() {
        TopicDescription topic = topic(partition(0, true, 3), partition(1, false, 0));
        assertThat(ClusterDiagnosis.fault(topic, List.of(1), 2)).contains("partition 1 has no leader");
        assertThat(ClusterDiagnosis.fault(topic, List.of(0), 2)).isEmpty();
        assertThat(ClusterDiagnosis.fault(topic, List.of(), 2))
                .as("the partition is not known")
                .isPresent();
    }

    @Test
    @DisplayName("Names a partition with fewer replicas in sync than it needs")
    void underMinIsr() {
        assertThat(ClusterDiagnosis.fault(topic(partition(0, true, 1)), List.of(0), 2))
                .contains("partition 0 has 1 replicas in sync, but min.insync.replicas is 2");
    }

    @Test
    @DisplayName("Names a partition that does not exist any more")
    void fewerPartitions() {
        assertThat(ClusterDiagnosis.fault(topic(partition(0, true, 3)), List.of(2), 2))
                .contains("it has no partition 2 any more, but 1 partitions");
    }

    private static TopicDescription topic(TopicPartitionInfo... partitions) {
        return new TopicDescription("replies", false, List.of(partitions));
    }

    private static TopicPartitionInfo partition(int number, boolean leader, int inSync) {
        return new TopicPartitionInfo(
                number,
                leader ? BROKERS.get(0) : Node.noNode(),
                BROKERS,
                IntStream.range(0, inSync).mapToObj(BROKERS::get).toList());
    }
}
