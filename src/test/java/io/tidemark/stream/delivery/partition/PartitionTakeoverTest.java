package io.tidemark.stream.delivery.partition;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.stream.topics.SimulatedKafka;
import io.tidemark.stream.topics.TransactionalId;
import io.tidemark.time.Time;
import java.lang.reflect.Constructor;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.FenceProducersResult;
import org.apache.kafka.clients.admin.ListTransactionsResult;
import org.apache.kafka.clients.admin.TransactionListing;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.internals.KafkaFutureImpl;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The takeover of a partition")
class PartitionTakeoverTest {

    private static final TopicPartition PARTITION = new TopicPartition("requests", 0);
    private static final String OWN = "group/w-1";
    private static final TransactionalId PROCESS = new TransactionalId("group", OWN);

    private final List<String> open = new ArrayList<>(List.of(
            "group/w-2",
            "group/w-3.1",
            "group/w-4.probes",
            "group/w-6",
            "group/w-7.2",
            "group/w-2.probe1",
            "group/w-5.probe27",
            OWN,
            PROCESS.renewed(2),
            PROCESS.ofProbe(3),
            "payments/w-1"));
    private final List<String> members = new ArrayList<>(List.of("group/w-6", "group/w-7", OWN));
    private final List<String> fenced = new ArrayList<>();

    @Test
    @DisplayName("Ends long transactions of workers that are no members of the group any more, and no probes")
    void leftBehind() {
        takeOver();
        assertThat(fenced).containsExactlyInAnyOrder("group/w-2", "group/w-3.1", "group/w-4.probes");
    }

    @Test
    @DisplayName("Ends no transaction of a worker that lives, however slow the brokers are")
    void living() {
        members.addAll(List.of("group/w-2", "group/w-3", "group/w-4"));
        takeOver();
        assertThat(fenced).isEmpty();
    }

    @Test
    @DisplayName("Ends no transaction that no commit names while the client id of a member is not that of a worker")
    void unknownMember() {
        members.add("consumer-group-1");
        takeOver();
        assertThat(fenced).isEmpty();
    }

    private void takeOver() {
        BlockedOnce consumer = new BlockedOnce();
        PartitionLogs logs = new PartitionLogs(admin(), new RequestTopicStatus(), Time.system());
        PartitionTakeover takeover = new PartitionTakeover(PROCESS, 4, consumer, admin(), logs, () -> false);
        assertThat(takeover.committed(List.of(PARTITION))).containsKey(PARTITION);
    }

    /** Its committed offset can't be read at first, because a transaction on it is open. */
    private static final class BlockedOnce extends MockConsumer<byte[], byte[]> {

        private boolean asked;

        private BlockedOnce() {
            super("none");
        }

        @Override
        public synchronized Map<TopicPartition, OffsetAndMetadata> committed(
                Set<TopicPartition> partitions, Duration timeout) {
            if (!asked) {
                asked = true;
                throw new TimeoutException("a transaction is open");
            }
            return Map.of(PARTITION, new OffsetAndMetadata(0));
        }
    }

    private Admin admin() {
        return (Admin) Proxy.newProxyInstance(
                getClass().getClassLoader(),
                new Class<?>[] {Admin.class},
                (admin, method, arguments) -> switch (method.getName()) {
                    case "listTransactions" -> {
                        KafkaFutureImpl<Collection<TransactionListing>> listed = new KafkaFutureImpl<>();
                        listed.complete(open.stream()
                                .map(id -> new TransactionListing(id, 1, TransactionState.ONGOING))
                                .toList());
                        yield newResult(
                                ListTransactionsResult.class,
                                KafkaFuture.class,
                                KafkaFuture.completedFuture(Map.of(0, listed)));
                    }
                    case "describeConsumerGroups" -> SimulatedKafka.described("group", members);
                    case "fenceProducers" -> {
                        ((Collection<?>) arguments[0]).forEach(id -> fenced.add(String.valueOf(id)));
                        yield newResult(FenceProducersResult.class, Map.class, Map.of());
                    }
                    default -> throw new UnsupportedOperationException(method.getName());
                });
    }

    /** Kafka's results have constructors without an access modifier. */
    private static <T> T newResult(Class<T> type, Class<?> parameter, Object argument)
            throws ReflectiveOperationException {
        Constructor<T> constructor = type.getDeclaredConstructor(parameter);
        constructor.setAccessible(true);
        return constructor.newInstance(argument);
    }
}
