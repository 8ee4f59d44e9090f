package io.tidemark.client;

import io.tidemark.boundary.BoundaryRecord;
import io.tidemark.boundary.TableEntry;
import java.util.SortedMap;
import java.util.TreeMap;
import org.apache.kafka.clients.producer.ProducerRecord;

/** The compacted topic of boundaries, read whole and written one record at a time. */
public final class BoundaryTopic {

    private final Cluster cluster;
    private final String topic;

    public BoundaryTopic(Cluster cluster, Topics topics) {
        this.cluster = cluster;
        this.topic = topics.boundaries();
    }

    /** The last word on every adapter up to the topic's present end, without those whose last word is a tombstone. */
    public SortedMap<String, TableEntry> read() {
        SortedMap<String, TableEntry> table = new TreeMap<>();
        try (TopicTail tail = TopicTail.fromStart(cluster, topic)) {
            tail.readToEnd(record -> {
                if (record.key() != null) {
                    table.put(record.key(), TableEntry.parse(record.key(), record.value()));
                }
            });
        }
        table.values().removeIf(TableEntry.Absent.class::isInstance);
        return table;
    }

    /** Puts a record and returns when all replicas have it. */
    public void put(BoundaryRecord record) {
        write(new ProducerRecord<>(topic, record.adapter(), record.toJson()));
    }

    /** Puts a tombstone: workers go back to full LoRA, and a calibrator may decide anew. */
    public void remove(String adapter) {
        write(new ProducerRecord<>(topic, adapter, null));
    }

    private void write(ProducerRecord<String, byte[]> record) {
        try (Outbox outbox = new Outbox(cluster)) {
            outbox.put(record);
        }
    }
}
