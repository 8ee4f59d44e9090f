package io.tidemark.client;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.function.IntConsumer;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;

/**
 * Sends validation batches and follows the calibrators until all are dealt with.
 *
 * <p>A batch is dealt with when the calibrators' consumer group has committed past it: the calibrator commits its
 * offset in the transaction that holds the batch's state and boundary, and in the one that holds its dead letter. So
 * whatever a batch led to can be read as soon as the offset can.
 */
public final class CalibrationClient {

    private static final Duration POLL = Duration.ofMillis(100);

    private final Cluster cluster;
    private final Topics topics;
    private final String group;

    /** @param group the calibrators' consumer group */
    public CalibrationClient(Cluster cluster, Topics topics, String group) {
        this.cluster = cluster;
        this.topics = topics;
        this.group = group;
    }

    /**
     * Sends all batches and returns when each is dealt with.
     *
     * @param progress hears how many examples have been dealt with, whenever that number grows
     * @param patience how long to wait without any progress
     * @return the batches that the calibrator refused, each with the reason
     * @throws ClientException when nothing happened for that long
     */
    public Map<ValidationBatch, String> calibrate(
            List<ValidationBatch> batches, IntConsumer progress, Duration patience) {
        try (TopicTail deadLetters = TopicTail.fromNow(cluster, topics.validationDeadLetters());
                Admin admin = cluster.admin()) {
            Map<ValidationBatch, RecordMetadata> sent = send(batches);
            Instant lastProgress = Instant.now();
            for (int done = 0, before = 0; done < batches.size(); before = done) {
                Map<TopicPartition, OffsetAndMetadata> committed = committed(admin);
                List<ValidationBatch> finished = batches.stream()
                        .filter(batch -> passed(sent.get(batch), committed))
                        .toList();
                done = finished.size();
                if (done > before) {
                    lastProgress = Instant.now();
                    progress.accept(finished.stream()
                            .mapToInt(batch -> batch.examples().size())
                            .sum());
                } else if (lastProgress.plus(patience).isBefore(Instant.now())) {
                    throw new ClientException("no calibrator of group '" + group + "' took a batch for "
                            + patience.toSeconds() + " s (" + done + " of " + batches.size()
                            + " done); is one running? 'tidemark serve --role calibrator'");
                }
                pause();
            }
            return refused(sent, deadLetters);
        }
    }

    private Map<ValidationBatch, RecordMetadata> send(List<ValidationBatch> batches) {
        Map<ValidationBatch, RecordMetadata> sent = new LinkedHashMap<>();
        try (Outbox outbox = new Outbox(cluster)) {
            for (ValidationBatch batch : batches) {
                byte[] value = batch.json().toString().getBytes(StandardCharsets.UTF_8);
                sent.put(batch, outbox.put(new ProducerRecord<>(topics.validationBatches(), batch.adapter(), value)));
            }
        }
        return sent;
    }

    private Map<TopicPartition, OffsetAndMetadata> committed(Admin admin) {
        try {
            return admin.listConsumerGroupOffsets(group)
                    .partitionsToOffsetAndMetadata()
                    .get();
        } catch (ExecutionException e) {
            throw new ClientException(
                    "the offsets of group '" + group + "' could not be read: "
                            + e.getCause().getMessage(),
                    e);
        } catch (InterruptedException e) {
            throw Interrupted.asFailure(e);
        }
    }

    private static boolean passed(RecordMetadata sent, Map<TopicPartition, OffsetAndMetadata> committed) {
        OffsetAndMetadata offset = committed.get(new TopicPartition(sent.topic(), sent.partition()));
        return offset != null && offset.offset() > sent.offset();
    }

    private static void pause() {
        try {
            java.util.concurrent.TimeUnit.NANOSECONDS.sleep(POLL.toNanos());
        } catch (InterruptedException e) {
            throw Interrupted.asFailure(e);
        }
    }

    private static Map<ValidationBatch, String> refused(
            Map<ValidationBatch, RecordMetadata> sent, TopicTail deadLetters) {
        List<ConsumerRecord<String, byte[]>> letters = new ArrayList<>();
        deadLetters.readToEnd(letters::add);
        Map<ValidationBatch, String> refused = new LinkedHashMap<>();
        sent.forEach((batch, place) -> letters.stream()
                .filter(letter -> isFrom(letter, place))
                .findFirst()
                .ifPresent(letter -> refused.put(
                        batch, header(letter, "tidemark.error.message").orElse("no reason given"))));
        return refused;
    }

    private static boolean isFrom(ConsumerRecord<String, byte[]> letter, RecordMetadata place) {
        return header(letter, "tidemark.source.partition").equals(Optional.of(Integer.toString(place.partition())))
                && header(letter, "tidemark.source.offset").equals(Optional.of(Long.toString(place.offset())));
    }

    private static Optional<String> header(ConsumerRecord<String, byte[]> letter, String name) {
        return Optional.ofNullable(letter.headers().lastHeader(name))
                .map(Header::value)
                .map(value -> new String(value, StandardCharsets.UTF_8));
    }
}
