package io.tidemark.client;

import io.tidemark.message.CountedBatchHeaders;
import io.tidemark.message.Provenance.Source;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * How many examples of counted batches add nothing, from the headers of the topic {@code calibration-state}. The number
 * informs only, so a topic that is missing or cannot be read, such as without the right, leaves it unknown and fails no
 * batch. Used by one thread.
 */
final class BatchRepeats implements AutoCloseable {

    private final Cluster cluster;
    private final String topic;

    /** Empty before {@link #begin}, and if the topic cannot be read. */
    private Optional<TopicReader> states = Optional.empty();

    /** By the record of the batch. Batches of other clients are among them until {@link #retain}. */
    private final Map<Source, Integer> repeats = new HashMap<>();

    BatchRepeats(Cluster cluster, String topic) {
        this.cluster = cluster;
        this.topic = topic;
    }

    /**
     * Called before a batch is sent while none is open. States that were written before are left out. A topic that
     * could not be read before is tried again.
     */
    void begin() {
        repeats.clear();
        unlessUnreadable(TopicReader::skipToEnd);
        if (states.isEmpty()) {
            states = open();
        }
    }

    private Optional<TopicReader> open() {
        try {
            // without this check, a broker may create the topic
            return cluster.topicNames().contains(topic)
                    ? Optional.of(TopicReader.fromNow(cluster, topic))
                    : Optional.empty();
        } catch (ClientException e) {
            return Optional.empty();
        }
    }

    /** Reads the states to the end of the topic. */
    void read() {
        unlessUnreadable(reader -> reader.readToEnd(this::keep));
    }

    private void unlessUnreadable(java.util.function.Consumer<TopicReader> step) {
        try {
            states.ifPresent(step);
        } catch (ClientException e) {
            close();
            states = Optional.empty();
        }
    }

    private void keep(ConsumerRecord<String, byte[]> state) {
        try {
            CountedBatchHeaders.parse(TopicReader.headers(state))
                    .ifPresent(counted -> repeats.put(counted.source(), counted.repeats()));
        } catch (IllegalArgumentException e) {
            // another producer wrote this record
        }
    }

    /** Removes what is known of a batch; empty if the calibrator or the topic does not tell. */
    OptionalInt remove(Source batch) {
        return Optional.ofNullable(repeats.remove(batch)).map(OptionalInt::of).orElse(OptionalInt.empty());
    }

    /** Removes all other batches. */
    void retain(Collection<Source> batches) {
        repeats.keySet().retainAll(batches);
    }

    @Override
    public void close() {
        states.ifPresent(TopicReader::close);
    }
}
