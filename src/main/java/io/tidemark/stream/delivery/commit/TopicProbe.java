package io.tidemark.stream.delivery.commit;

import io.tidemark.stream.topics.KafkaClients;
import io.tidemark.stream.topics.TransactionalId;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.InterruptException;

/**
 * Writes a record to a topic to learn whether the topic takes records, in a transaction that it aborts: readers with
 * {@code read_committed} don't see the record. The transaction has a transactional id of its own, because the topic
 * may refuse the end of the transaction, too, and the id is unusable then. Each probe has another id for this reason.
 *
 * <p>A probe waits for brokers, for up to 20 s. Used by the thread {@code tidemark-probes}.
 */
final class TopicProbe {

    /** The size of the record of a probe: larger than an error, which is the smallest record of a request. */
    private static final int RECORD_BYTES = 1024;
    /** How long a probe waits for a broker: longer than the producer keeps a record. */
    private static final int SEND_SECONDS = 10;

    private final KafkaClients kafka;
    private final TransactionalId process;
    private final AtomicInteger probes = new AtomicInteger();

    TopicProbe(KafkaClients kafka, TransactionalId process) {
        this.kafka = kafka;
        this.process = process;
    }

    /**
     * Tries to write to a topic.
     *
     * @param partitions the partitions to write to; if there is none, the producer chooses one
     * @return why it can't be written; empty if it can
     */
    Optional<String> failure(String topic, Collection<Integer> partitions) {
        Map<String, Object> config = new HashMap<>(ResultProducers.config(kafka));
        config.put(ProducerConfig.CLIENT_ID_CONFIG, "tidemark-probes");
        try {
            Producer<byte[], byte[]> producer =
                    kafka.newTransactionalProducer(process.ofProbe(probes.incrementAndGet()), config);
            try {
                producer.initTransactions();
                producer.beginTransaction();
                List<Future<?>> sent = new ArrayList<>();
                byte[] value = new byte[RECORD_BYTES];
                if (partitions.isEmpty()) {
                    sent.add(producer.send(new ProducerRecord<>(topic, value)));
                }
                for (int partition : partitions) {
                    sent.add(producer.send(new ProducerRecord<>(topic, partition, null, value)));
                }
                for (Future<?> each : sent) {
                    each.get(SEND_SECONDS, TimeUnit.SECONDS);
                }
                producer.abortTransaction();
                return Optional.empty();
            } finally {
                abort(producer);
            }
        } catch (ExecutionException e) {
            return Optional.of(String.valueOf(e.getCause().getMessage()));
        } catch (TimeoutException e) {
            return Optional.of("no broker has acknowledged a record within " + SEND_SECONDS + " s");
        } catch (KafkaException e) {
            return Optional.of(String.valueOf(e.getMessage()));
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        }
    }

    /** So that the record does not delay readers until the timeout of the transaction. */
    private static void abort(Producer<byte[], byte[]> producer) {
        try {
            producer.abortTransaction();
        } catch (KafkaException | IllegalStateException e) {
            // it is aborted already, or has never begun
        } finally {
            producer.close(Duration.ZERO);
        }
    }
}
