package io.tidemark.client;

import io.tidemark.message.BoundaryRecord;
import io.tidemark.message.TableEntry;
import io.tidemark.message.TopicJson;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.apache.kafka.clients.producer.ProducerRecord;

/** Reads and writes the compacted topic of boundaries. */
public final class BoundaryTopic {

    private final Cluster cluster;
    private final String topic;

    public BoundaryTopic(Cluster cluster, Topics topics) {
        this.cluster = cluster;
        this.topic = topics.boundaries();
    }

    /**
     * Returns the latest record of every adapter up to the current end of the topic, without tombstones.
     *
     * @throws ClientException if the topic cannot be read
     */
    public SortedMap<String, TableEntry> read() {
        SortedMap<String, TableEntry> table = new TreeMap<>();
        cluster.read(topic, Optional.empty(), record -> {
            if (record.key() != null) {
                table.put(record.key(), TableEntry.parse(record.key(), record.value()));
            }
        });
        table.values().removeIf(TableEntry.Absent.class::isInstance);
        return table;
    }

    /**
     * Writes a record and waits for the acknowledgement of all replicas.
     *
     * @throws ClientException if the broker does not acknowledge it
     */
    public void put(BoundaryRecord record) {
        cluster.write(new ProducerRecord<>(topic, record.adapter(), TopicJson.write(record)));
    }

    /**
     * Writes a tombstone: workers apply full LoRA until a calibrator decides again.
     *
     * @throws ClientException if the broker does not acknowledge it
     */
    public void remove(String adapter) {
        cluster.write(new ProducerRecord<>(topic, adapter, null));
    }
}
