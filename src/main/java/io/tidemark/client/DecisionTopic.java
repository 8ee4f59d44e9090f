package io.tidemark.client;

import io.tidemark.message.BoundaryDecisionRecord;
import io.tidemark.message.TopicJson;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;

/** Reads and writes the topic of decisions on boundaries. */
public final class DecisionTopic {

    private final Cluster cluster;
    private final String topic;

    public DecisionTopic(Cluster cluster, Topics topics) {
        this.cluster = cluster;
        this.topic = topics.boundaryDecisions();
    }

    /**
     * The decisions on one adapter.
     *
     * @param last       the last ones, the newest last
     * @param total      how many the topic has
     * @param unreadable how many records of the adapter are not decisions
     */
    public record History(List<BoundaryDecisionRecord> last, long total, long unreadable) {

        public History {
            last = List.copyOf(last);
        }
    }

    /**
     * Reads the topic from its start to its current end.
     *
     * @param limit how many of the last decisions are kept at most, 1 or more
     * @throws ClientException if the topic cannot be read
     */
    public History read(String adapter, int limit) {
        Collected collected = new Collected(adapter, limit);
        cluster.read(topic, Optional.empty(), collected::add);
        return new History(List.copyOf(collected.last), collected.total, collected.unreadable);
    }

    /**
     * Writes a decision and waits for the acknowledgement of all replicas.
     *
     * @throws ClientException if the broker does not acknowledge it
     */
    public void put(BoundaryDecisionRecord decision) {
        cluster.write(new ProducerRecord<>(topic, decision.adapter(), TopicJson.write(decision)));
    }

    /** What was read so far. */
    private static final class Collected {

        private final String adapter;
        private final int limit;
        private final Deque<BoundaryDecisionRecord> last = new ArrayDeque<>();
        private long total;
        private long unreadable;

        private Collected(String adapter, int limit) {
            this.adapter = adapter;
            this.limit = limit;
        }

        private void add(ConsumerRecord<String, byte[]> record) {
            if (!adapter.equals(record.key())) {
                return;
            }
            try {
                last.add(BoundaryDecisionRecord.parse(adapter, record.value()));
                total++;
                if (last.size() > limit) {
                    last.remove();
                }
            } catch (IllegalArgumentException e) {
                unreadable++;
            }
        }
    }
}
