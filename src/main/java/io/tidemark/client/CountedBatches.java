package io.tidemark.client;

import io.tidemark.message.CountedBatchHeaders;
import io.tidemark.message.Provenance.Source;
import io.tidemark.message.UncountedExamples;
import io.tidemark.topic.TopicReader;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.KafkaException;

/**
 * The examples of counted batches that add nothing, from the headers of the topic {@code calibration-state}. They
 * inform only, so a topic that is missing or cannot be read, such as without the right, leaves it unknown, fails no
 * batch, and delays batches by some seconds at most. Used by one thread.
 */
final class CountedBatches implements AutoCloseable {

    /** The longest time of a call to the brokers, and the longest time without progress of {@link #read}. */
    private static final Duration CALL = Duration.ofSeconds(5);

    /** A client without the right to read would otherwise open and close Kafka clients for each batch. */
    private static final Duration BETWEEN_OPENINGS = Duration.ofMinutes(1);

    private final Cluster cluster;
    private final String topic;
    private final LongSupplier nanoTime;

    /** Reads the states; empty before {@link #begin}, and while the topic cannot be read. */
    private Optional<TopicReader<String>> states = Optional.empty();

    /** When the topic was opened last, or could not be. */
    private OptionalLong opened = OptionalLong.empty();

    /** The uncounted examples of each batch, by its record; with other clients' batches until {@link #retain}. */
    private final Map<Source, UncountedExamples> uncounted = new HashMap<>();

    CountedBatches(Cluster cluster, String topic, LongSupplier nanoTime) {
        this.cluster = cluster.withCallTimeout(CALL);
        this.topic = topic;
        this.nanoTime = nanoTime;
    }

    /** Prepares for the first open batch: forgets all batches, and leaves out states that were written before. */
    void begin() {
        uncounted.clear();
        openOr(TopicReader::seekToEnd);
    }

    /** Reads the states to the end of the topic. */
    void read() {
        openOr(reader -> cluster.readToEnd(reader, this::keep, CALL));
    }

    /**
     * Opens the topic from now on, or does a step with the open one. A topic that could not be opened or read is opened
     * again in a later call; states that are written in between are not read.
     */
    private void openOr(Consumer<TopicReader<String>> step) {
        try {
            if (states.isPresent()) {
                step.accept(states.get());
            } else if (mayOpen()) {
                opened = OptionalLong.of(nanoTime.getAsLong());
                states = Optional.of(cluster.reader());
                states.get().addFromEnd(topic);
            }
        } catch (ClientException | KafkaException e) {
            close();
        }
    }

    private boolean mayOpen() {
        return opened.isEmpty() || nanoTime.getAsLong() - opened.getAsLong() >= BETWEEN_OPENINGS.toNanos();
    }

    private void keep(ConsumerRecord<String, byte[]> state) {
        try {
            CountedBatchHeaders.parse(BatchOutcomes.headers(state))
                    .ifPresent(counted -> uncounted.put(counted.source(), counted.uncounted()));
        } catch (IllegalArgumentException e) {
            // another producer wrote this record
        }
    }

    /** Removes what is known of a batch; empty if the calibrator or the topic does not tell. */
    Optional<UncountedExamples> remove(Source batch) {
        return Optional.ofNullable(uncounted.remove(batch));
    }

    /** Removes all other batches. */
    void retain(Collection<Source> batches) {
        uncounted.keySet().retainAll(batches);
    }

    @Override
    public void close() {
        states.ifPresent(TopicReader::close);
        states = Optional.empty();
    }
}
