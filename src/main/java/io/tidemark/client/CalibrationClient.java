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
import java.util.concurrent.TimeUnit;
import java.util.function.IntConsumer;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;

/**
 * Sends validation batches and waits until the calibrators have processed them.
 *
 * <p>A batch is processed when the calibrators' consumer group has committed past it. The calibrator commits that
 * offset in the transaction that contains the batch's state and boundary, or its dead letter, so the outcome is
 * readable by then.
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
     * Sends all batches and returns when each is processed.
     *
     * @param progress receives the number of processed examples whenever it grows, on the calling thread
     * @param timeout  maximum time without progress
     * @return the refused batches, each with the reason
     * @throws ClientException when no batch was processed for that long
     */
    public Map<ValidationBatch, String> calibrate(
            List<ValidationBatch> batches, IntConsumer progress, Duration timeout) {
        try (TopicReader deadLetters = TopicReader.fromNow(cluster, topics.validationDeadLetters());
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
                } else if (lastProgress.plus(timeout).isBefore(Instant.now())) {
                    throw new ClientException("no calibrator of group '" + group + "' processed a batch for "
                            + timeout.toSeconds() + " s (" + done + " of " + batches.size()
                            + " done); is one running? 'tidemark serve --role calibrator'");
                }
                pause();
            }
            return refused(sent, deadLetters);
        }
    }

    private Map<ValidationBatch, RecordMetadata> send(List<ValidationBatch> batches) {
        Map<ValidationBatch, RecordMetadata> sent = new LinkedHashMap<>();
        try (RecordSender sender = new RecordSender(cluster)) {
            for (ValidationBatch batch : batches) {
                byte[] value = batch.json().toString().getBytes(StandardCharsets.UTF_8);
                sent.put(batch, sender.send(new ProducerRecord<>(topics.validationBatches(), batch.adapter(), value)));
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
            throw ClientException.interrupted(e);
        }
    }

    private static boolean passed(RecordMetadata sent, Map<TopicPartition, OffsetAndMetadata> committed) {
        OffsetAndMetadata offset = committed.get(new TopicPartition(sent.topic(), sent.partition()));
        return offset != null && offset.offset() > sent.offset();
    }

    private static void pause() {
        try {
            TimeUnit.MILLISECONDS.sleep(POLL.toMillis());
        } catch (InterruptedException e) {
            throw ClientException.interrupted(e);
        }
    }

    private static Map<ValidationBatch, String> refused(
            Map<ValidationBatch, RecordMetadata> sent, TopicReader deadLetters) {
        List<ConsumerRecord<String, byte[]>> letters = new ArrayList<>();
        deadLetters.readToEnd(letters::add);
        Map<ValidationBatch, String> refused = new LinkedHashMap<>();
        sent.forEach((batch, position) -> letters.stream()
                .filter(letter -> isFrom(letter, position))
                .findFirst()
                .ifPresent(letter -> refused.put(
                        batch, header(letter, "tidemark.error.message").orElse("no reason given"))));
        return refused;
    }

    private static boolean isFrom(ConsumerRecord<String, byte[]> letter, RecordMetadata position) {
        return header(letter, "tidemark.source.partition").equals(Optional.of(Integer.toString(position.partition())))
                && header(letter, "tidemark.source.offset").equals(Optional.of(Long.toString(position.offset())));
    }

    private static Optional<String> header(ConsumerRecord<String, byte[]> letter, String name) {
        return Optional.ofNullable(letter.headers().lastHeader(name))
                .map(Header::value)
                .map(value -> new String(value, StandardCharsets.UTF_8));
    }
}
