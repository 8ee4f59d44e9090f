package io.tidemark.stream.topics;

import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.producer.Producer;

/**
 * Creates the Kafka clients of a service; the caller closes them. {@link KafkaConnection} is the implementation. A test
 * gives a service clients that need no broker.
 */
public interface KafkaClients {

    /**
     * Creates a consumer of committed records that commits nothing by itself and is in no group; {@code overrides} take
     * precedence. An owner that needs a start position without a committed offset gives {@code auto.offset.reset}.
     *
     * @param limits how much is read at once
     */
    Consumer<byte[], byte[]> newConsumer(ReadLimits limits, Map<String, Object> overrides);

    /**
     * Creates a consumer that joins a group: of committed records, with cooperative rebalances and without commits of
     * its own.
     *
     * @param limits      how much is read at once
     * @param offsetReset {@code earliest} to continue at the earliest record if the group has no offset or the log
     *                    does not have it; {@code none} to throw an exception
     */
    Consumer<byte[], byte[]> newGroupMember(String group, String clientId, ReadLimits limits, String offsetReset);

    /**
     * Creates an idempotent producer with {@code acks=all} and with transactions; {@code overrides} take precedence.
     */
    Producer<byte[], byte[]> newTransactionalProducer(String transactionalId, Map<String, Object> overrides);

    Admin newAdmin();

    /** The value of a client property that the operator has set. */
    Optional<String> property(String name);
}
