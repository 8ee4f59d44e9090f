package io.tidemark.client;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidemark.message.DeadLetterHeaders;
import io.tidemark.message.Provenance.Source;
import io.tidemark.message.RawValidationBatch;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
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

    /** Splits examples into batches with unique ids; the last batch has the remainder. */
    public static List<RawValidationBatch> split(String adapter, List<JsonNode> examples, int batchSize) {
        String run = UUID.randomUUID().toString().substring(0, 8);
        List<RawValidationBatch> batches = new ArrayList<>();
        for (int from = 0; from < examples.size(); from += batchSize) {
            int to = Math.min(from + batchSize, examples.size());
            batches.add(new RawValidationBatch(
                    adapter + "-" + run + "-" + batches.size(), adapter, examples.subList(from, to)));
        }
        return batches;
    }

    /**
     * Sends all batches and returns when each is processed.
     *
     * @param progress receives the number of processed examples whenever it grows, on the calling thread
     * @param timeout  maximum time without progress
     * @return the refused batches, each with the reason
     * @throws ClientException when no batch was processed for that long
     */
    public Map<RawValidationBatch, String> calibrate(
            List<RawValidationBatch> batches, IntConsumer progress, Duration timeout) {
        try (TopicReader deadLetters = TopicReader.fromNow(cluster, topics.validationDeadLetters());
                Admin admin = cluster.admin()) {
            Map<RawValidationBatch, RecordMetadata> sent = send(batches);
            Instant lastProgress = Instant.now();
            for (int done = 0, before = 0; done < batches.size(); before = done) {
                Map<TopicPartition, OffsetAndMetadata> committed = committed(admin);
                List<RawValidationBatch> finished = batches.stream()
                        .filter(batch -> passed(sent.get(batch), committed))
                        .toList();
                done = finished.size();
                if (done > before) {
                    lastProgress = Instant.now();
                    progress.accept(finished.stream()
                            .mapToInt(batch -> batch.examples().size())
                            .sum());
                } else if (lastProgress.plus(timeout).isBefore(Instant.now())) {
                    throw new ClientException.Failed("no calibrator of group '" + group + "' processed a batch for "
                            + timeout.toSeconds() + " s (" + done + " of " + batches.size()
                            + " done); is one running? 'tidemark serve --role calibrator'");
                }
                pause();
            }
            return refused(sent, deadLetters);
        }
    }

    private Map<RawValidationBatch, RecordMetadata> send(List<RawValidationBatch> batches) {
        Map<RawValidationBatch, RecordMetadata> sent = new LinkedHashMap<>();
        try (RecordSender sender = new RecordSender(cluster)) {
            for (RawValidationBatch batch : batches) {
                byte[] value = batch.toJson();
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
            throw new ClientException.Failed(
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

    private static Map<RawValidationBatch, String> refused(
            Map<RawValidationBatch, RecordMetadata> sent, TopicReader deadLetters) {
        Map<Source, String> reasons = new HashMap<>();
        deadLetters.readToEnd(letter -> {
            try {
                DeadLetterHeaders headers = DeadLetterHeaders.parse(headers(letter));
                reasons.put(headers.source(), headers.message());
            } catch (IllegalArgumentException e) {
                // another producer wrote this record
            }
        });
        Map<RawValidationBatch, String> refused = new LinkedHashMap<>();
        sent.forEach((batch, position) -> Optional.ofNullable(
                        reasons.get(new Source(position.topic(), position.partition(), position.offset())))
                .ifPresent(reason -> refused.put(batch, reason)));
        return refused;
    }

    private static Map<String, String> headers(ConsumerRecord<String, byte[]> letter) {
        Map<String, String> headers = new HashMap<>();
        for (Header header : letter.headers()) {
            if (header.value() != null) {
                headers.put(header.key(), new String(header.value(), StandardCharsets.UTF_8));
            }
        }
        return headers;
    }
}
