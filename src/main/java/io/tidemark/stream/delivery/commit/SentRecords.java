package io.tidemark.stream.delivery.commit;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.ProducerRecord;

/** The records of one transaction, and what became of them. Thread-safe: the producer's thread reports the outcomes. */
final class SentRecords {

    private final List<Sent> records = new ArrayList<>();
    private final List<SendFailure> failures = new ArrayList<>();

    /** A record whose send has failed. */
    record SendFailure(PendingAnswer answer, boolean isLetter, Exception reason) {}

    private static final class Sent {

        private final String topic;
        private int partition;
        private boolean acknowledged;

        private Sent(ProducerRecord<?, ?> record) {
            this.topic = record.topic();
            this.partition = record.partition() == null ? -1 : record.partition();
        }
    }

    /** Adds a record. The callback takes its outcome. */
    synchronized Callback callback(PendingAnswer answer, boolean isLetter, ProducerRecord<?, ?> record) {
        Sent sent = new Sent(record);
        records.add(sent);
        return (metadata, reason) -> {
            synchronized (this) {
                sent.acknowledged = reason == null;
                if (metadata != null && metadata.partition() >= 0) {
                    sent.partition = metadata.partition();
                }
                if (reason != null) {
                    failures.add(new SendFailure(answer, isLetter, reason));
                }
            }
        };
    }

    /** The failure that came first. */
    synchronized Optional<SendFailure> first() {
        return failures.stream().findFirst();
    }

    /** The topics of the records. */
    synchronized Set<String> topics() {
        Set<String> topics = new LinkedHashSet<>();
        records.forEach(sent -> topics.add(sent.topic));
        return topics;
    }

    /** Whether brokers have acknowledged a record. */
    synchronized boolean isAnyAcknowledged() {
        return records.stream().anyMatch(sent -> sent.acknowledged);
    }

    /** Whether brokers have not acknowledged a record of a topic. */
    synchronized boolean isUnacknowledged(String topic) {
        return records.stream().anyMatch(sent -> sent.topic.equals(topic) && !sent.acknowledged);
    }

    /** The partitions of such records, as far as they are known. */
    synchronized Set<Integer> unacknowledged(String topic) {
        Set<Integer> partitions = new TreeSet<>();
        records.stream()
                .filter(sent -> sent.topic.equals(topic) && !sent.acknowledged && sent.partition >= 0)
                .forEach(sent -> partitions.add(sent.partition));
        return partitions;
    }
}
