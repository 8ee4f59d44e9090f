package io.tidemark.client;

import io.tidemark.message.AdapterRecord;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.Parsed;
import io.tidemark.message.TopicJson;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.apache.kafka.clients.producer.ProducerRecord;

/** Reads and writes the compacted topic of adapters. */
public final class AdapterTopic {

    private final Cluster cluster;
    private final String topic;

    public AdapterTopic(Cluster cluster, Topics topics) {
        this.cluster = cluster;
        this.topic = topics.adapters();
    }

    /**
     * The last record of a name.
     *
     * @param offset of the record
     */
    public record Entry(Parsed<AdapterRecord> value, long offset) {

        /** The adapter or alias; empty if the record is invalid. */
        public Optional<AdapterRecord> record() {
            return value instanceof Parsed.Valid<AdapterRecord> valid ? Optional.of(valid.record()) : Optional.empty();
        }

        /** Why the record is invalid; empty if it is valid. */
        public Optional<String> error() {
            return value instanceof Parsed.Invalid<AdapterRecord> invalid
                    ? Optional.of(invalid.error().message())
                    : Optional.empty();
        }

        /** The adapter; empty for an alias and an invalid record. */
        public Optional<AdapterRecord.Stored> stored() {
            return record().filter(AdapterRecord.Stored.class::isInstance).map(AdapterRecord.Stored.class::cast);
        }

        /** The alias; empty for an adapter and an invalid record. */
        public Optional<AdapterRecord.Alias> alias() {
            return record().filter(AdapterRecord.Alias.class::isInstance).map(AdapterRecord.Alias.class::cast);
        }
    }

    /**
     * Returns the last record of every name up to the current end of the topic, without tombstones.
     *
     * @throws ClientException if the topic cannot be read
     */
    public SortedMap<String, Entry> read() {
        SortedMap<String, Entry> entries = new TreeMap<>();
        cluster.read(topic, Optional.empty(), record -> {
            if (record.key() == null) {
                return;
            }
            if (record.value() == null) {
                entries.remove(record.key());
            } else {
                entries.put(record.key(), new Entry(parse(record.key(), record.value()), record.offset()));
            }
        });
        return entries;
    }

    /** Workers ignore a record with a name that is too long. */
    private static Parsed<AdapterRecord> parse(String name, byte[] value) {
        return name.length() <= AdapterRecord.MAX_NAME_LENGTH
                ? AdapterRecord.parse(value)
                : new Parsed.Invalid<>(
                        ErrorBody.invalidRequest(
                                "out_of_range",
                                "key",
                                "the name has more than " + AdapterRecord.MAX_NAME_LENGTH + " characters"),
                        List.of());
    }

    /**
     * Writes a record and waits for the acknowledgement of all replicas.
     *
     * @return the offset of the record
     * @throws ClientException if the broker does not acknowledge it
     */
    public long put(String name, AdapterRecord record) {
        return cluster.write(new ProducerRecord<>(topic, name, TopicJson.write(record)));
    }

    /**
     * Writes a tombstone and waits for the acknowledgement of all replicas.
     *
     * @return the offset of the tombstone
     * @throws ClientException if the broker does not acknowledge it
     */
    public long remove(String name) {
        return cluster.write(new ProducerRecord<>(topic, name, null));
    }
}
