package io.tidemark.stream.delivery.commit;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.stream.topics.KafkaClients;
import io.tidemark.stream.topics.ReadLimits;
import io.tidemark.time.VirtualTime;
import java.lang.reflect.Constructor;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.DescribeTransactionsResult;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.admin.TransactionDescription;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.admin.internals.CoordinatorKey;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartitionInfo;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The diagnosis of a failed transaction")
class ClusterDiagnosisTest {

    private static final List<Node> BROKERS =
            List.of(new Node(1, "a", 9092), new Node(2, "b", 9092), new Node(3, "c", 9092));

    private final VirtualTime time = new VirtualTime();
    /** How long the cluster takes for an answer. */
    private Duration answer = Duration.ofMillis(1);
    /** When the transaction ends; until then its end is decided. */
    private Duration end = Duration.ofDays(1);

    private int opened;
    private int closed;

    @Test
    @DisplayName("Names a transaction that does not end for more than a second, with one client")
    void stuck() {
        assertThat(isStuck()).isTrue();
        assertThat(elapsed()).isBetween(Duration.ofMillis(1200), Duration.ofMillis(1500));
        answer = Duration.ofMillis(900);
        assertThat(isStuck()).isTrue();
        assertThat(opened).isEqualTo(2);
        assertThat(closed).isEqualTo(2);
    }

    @Test
    @DisplayName("Does not name a transaction that ends within a second, or whose state is not known long enough")
    void notStuck() {
        end = Duration.ofSeconds(1);
        assertThat(isStuck()).isFalse();
        end = Duration.ofDays(1);
        answer = Duration.ofSeconds(4);
        Duration before = elapsed();
        assertThat(isStuck()).isFalse();
        assertThat(elapsed().minus(before)).isLessThan(Duration.ofSeconds(10));
        answer = Duration.ofSeconds(6);
        before = elapsed();
        assertThat(isStuck()).isFalse();
        assertThat(elapsed().minus(before)).isLessThan(Duration.ofSeconds(7));
        assertThat(opened).isEqualTo(3);
        assertThat(closed).isEqualTo(3);
    }

    private boolean isStuck() {
        return new ClusterDiagnosis(new OnlyAdmin(), time).isStuck("worker");
    }

    private static final Instant START = new VirtualTime().instant();

    private Duration elapsed() {
        return Duration.between(START, time.instant());
    }

    /** A cluster that says of a transaction whether its end is decided. A diagnosis opens admin clients only. */
    private final class OnlyAdmin implements KafkaClients {

        @Override
        public Consumer<byte[], byte[]> newConsumer(ReadLimits limits, Map<String, Object> overrides) {
            throw new AssertionError("a diagnosis opens no such client");
        }

        @Override
        public Consumer<byte[], byte[]> newGroupMember(
                String group, String clientId, ReadLimits limits, String offsetReset) {
            throw new AssertionError("a diagnosis opens no such client");
        }

        @Override
        public Producer<byte[], byte[]> newTransactionalProducer(String id, Map<String, Object> overrides) {
            throw new AssertionError("a diagnosis opens no such client");
        }

        @Override
        public Optional<String> property(String name) {
            return Optional.empty();
        }

        @Override
        public Admin newAdmin() {
            opened++;
            return (Admin) Proxy.newProxyInstance(
                    getClass().getClassLoader(),
                    new Class<?>[] {Admin.class},
                    (admin, method, arguments) -> switch (method.getName()) {
                        case "describeTransactions" -> described();
                        case "close" -> {
                            closed++;
                            yield null;
                        }
                        default -> throw new UnsupportedOperationException(method.getName());
                    });
        }

        /** Kafka's results have constructors without an access modifier. */
        private DescribeTransactionsResult described() throws ReflectiveOperationException {
            time.sleep(answer);
            TransactionState state =
                    elapsed().compareTo(end) < 0 ? TransactionState.PREPARE_COMMIT : TransactionState.COMPLETE_COMMIT;
            TransactionDescription description =
                    new TransactionDescription(1, state, 1, 1, 10_000, OptionalLong.empty(), Set.of());
            Constructor<DescribeTransactionsResult> constructor =
                    DescribeTransactionsResult.class.getDeclaredConstructor(Map.class);
            constructor.setAccessible(true);
            return constructor.newInstance(
                    Map.of(CoordinatorKey.byTransactionalId("worker"), KafkaFuture.completedFuture(description)));
        }
    }

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
