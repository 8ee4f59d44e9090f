package io.tidemark.stream.tables;

import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;

/**
 * The ends of partitions with open transactions counted in. A reader of committed records that goes on to there has
 * seen the fate of every transaction that had begun, its own ones too: a commit returns before its markers are written.
 */
public final class HighWatermarks implements AutoCloseable {

    private static final long TIMEOUT_S = 30;

    private final Admin admin;

    public HighWatermarks(Map<String, Object> kafka) {
        admin = Admin.create(kafka);
    }

    /** @throws KafkaException when the cluster doesn't answer */
    public Map<TopicPartition, Long> of(Collection<TopicPartition> partitions) {
        Map<TopicPartition, OffsetSpec> latest = new HashMap<>();
        partitions.forEach(partition -> latest.put(partition, OffsetSpec.latest()));
        try {
            Map<TopicPartition, Long> ends = new HashMap<>();
            admin.listOffsets(latest)
                    .all()
                    .get(TIMEOUT_S, TimeUnit.SECONDS)
                    .forEach((partition, end) -> ends.put(partition, end.offset()));
            return ends;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new KafkaException("interrupted while asking for the end of " + partitions, e);
        } catch (ExecutionException | TimeoutException e) {
            throw new KafkaException("could not ask for the end of " + partitions, e);
        }
    }

    @Override
    public void close() {
        admin.close();
    }
}
