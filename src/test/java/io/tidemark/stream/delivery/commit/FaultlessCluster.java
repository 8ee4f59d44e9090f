package io.tidemark.stream.delivery.commit;

import io.tidemark.request.RequestListener;
import io.tidemark.stream.delivery.Deliveries;
import io.tidemark.time.Time;
import java.util.Collection;
import java.util.Optional;
import java.util.function.Supplier;
import org.apache.kafka.clients.producer.Producer;

/** A cluster for tests on which no transaction fails. */
final class FaultlessCluster {

    private FaultlessCluster() {}

    /** Producers whose transactions the cluster can always end. */
    static ResultProducers producers(Supplier<Producer<byte[], byte[]>> producers) {
        return new ResultProducers(id -> producers.get(), Deliveries.PROCESS, id -> false);
    }

    /** No topic is set aside, and each can be written. */
    static UnwritableTopics noUnwritableTopics() {
        return new UnwritableTopics(
                (topic, partitions) -> Optional.empty(),
                Runnable::run,
                new TransactionStatus(),
                RequestListener.NONE,
                Time.system());
    }

    /** The cluster names no fault of a topic. */
    static TransactionRepair.TopicFaults noFaults() {
        return new TransactionRepair.TopicFaults() {
            @Override
            public boolean isMissing(String topic) {
                return false;
            }

            @Override
            public Optional<String> fault(String topic, Collection<Integer> partitions) {
                return Optional.empty();
            }
        };
    }
}
