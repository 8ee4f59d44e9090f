package io.tidemark.stream.calibrator;

import java.util.Collection;
import java.util.HashSet;
import java.util.Set;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.common.TopicPartition;

/** Which partitions are this calibrator's, and what is read before the first batch of each. */
final class Assignment implements ConsumerRebalanceListener {

    private final Consumer<byte[], byte[]> consumer;
    private final CalibratorTables tables;
    private final Set<TopicPartition> owned = new HashSet<>();
    private boolean changed;

    Assignment(Consumer<byte[], byte[]> consumer, CalibratorTables tables) {
        this.consumer = consumer;
        this.tables = tables;
    }

    boolean owns(TopicPartition partition) {
        return owned.contains(partition);
    }

    /** Whether partitions came since this was last asked. */
    boolean takeChanged() {
        boolean came = changed;
        changed = false;
        return came;
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        // first the offset, which waits for a predecessor's transaction to end, and then the state it belongs to
        partitions.forEach(consumer::position);
        tables.refreshEvidence();
        tables.refreshBoundaries();
        owned.addAll(partitions);
        changed = true;
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        owned.removeAll(partitions);
    }
}
