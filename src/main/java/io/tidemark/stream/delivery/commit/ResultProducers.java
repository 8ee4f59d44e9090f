package io.tidemark.stream.delivery.commit;

import io.tidemark.stream.topics.KafkaClients;
import io.tidemark.stream.topics.TransactionalId;
import io.tidemark.text.LogText;
import io.tidemark.time.Time;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Predicate;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.jboss.logging.Logger;

/**
 * Creates the producers of results, and names them: all have the transactional id of the process, until a transaction
 * of this id can't be ended. The brokers write a marker into each partition of a transaction. If a partition refuses
 * the marker or has no leader, the id is unusable from then on, for hours or forever, and {@link #renew} takes a new
 * one.
 *
 * <p>A process has one, which outlives the sessions of its group. Used by one thread at a time; {@link #id} by any.
 */
public final class ResultProducers {

    private static final Logger LOG = Logger.getLogger(ResultProducers.class);

    /** How long a dead worker delays readers at most, if no other worker ends its transaction. */
    private static final int TRANSACTION_TIMEOUT_MS = 10_000;

    /** How long a request may take: less than the transaction, so that a record that no broker takes is known first. */
    private static final int REQUEST_TIMEOUT_MS = 4_000;

    private static final int DELIVERY_TIMEOUT_MS = 8_000;
    /** How long a call of the producer may take. */
    private static final int MAX_BLOCK_MS = 5_000;

    /**
     * The first request of a transaction is refused while the markers of the one before are written. Grows with each
     * attempt, up to {@code retry.backoff.max.ms}.
     */
    private static final int RETRY_BACKOFF_MS = 2;

    private final Function<String, Producer<byte[], byte[]>> producers;
    private final TransactionalId process;
    private final Predicate<String> isStuck;
    private volatile String id;
    private int renewals;

    /**
     * @param producers creates a producer with a transactional id
     * @param process   transactional id of the first producer
     * @param isStuck   whether the last transaction of an id can't be ended, see {@link ClusterDiagnosis#isStuck}
     */
    ResultProducers(
            Function<String, Producer<byte[], byte[]>> producers, TransactionalId process, Predicate<String> isStuck) {
        this.producers = producers;
        this.process = process;
        this.isStuck = isStuck;
        this.id = process.id();
    }

    /** The producers of a process, which asks the cluster whether a transaction can't be ended. */
    public static ResultProducers of(KafkaClients kafka, TransactionalId process, Time time) {
        return new ResultProducers(
                id -> kafka.newTransactionalProducer(id, config(kafka)),
                process,
                new ClusterDiagnosis(kafka, time)::isStuck);
    }

    /** A producer that is not initialized. */
    Producer<byte[], byte[]> open() {
        return producers.apply(id);
    }

    /** The transactional id of the latest producer. */
    String id() {
        return id;
    }

    /**
     * Whether the last transaction of the id can't be ended, so that only a new id helps: its end is decided, and for
     * more than a second a partition has refused the marker or had no leader.
     */
    boolean isStuck() {
        return isStuck.test(id);
    }

    /**
     * Takes a new transactional id. The last transaction of the old one must be decided, as {@link #isStuck} says:
     * then it can't be committed later.
     */
    void renew() {
        String old = id;
        id = process.renewed(++renewals);
        LOG.warnf(
                "a partition refuses the end of the last transaction of %s or has no leader: the next one has the id %s",
                LogText.of(old), LogText.of(id));
    }

    /** The timeouts that transactions of results need. */
    static Map<String, Object> config(KafkaClients kafka) {
        Map<String, Object> config = new HashMap<>(Map.of(
                ProducerConfig.TRANSACTION_TIMEOUT_CONFIG, TRANSACTION_TIMEOUT_MS,
                ProducerConfig.MAX_BLOCK_MS_CONFIG, MAX_BLOCK_MS,
                ProducerConfig.LINGER_MS_CONFIG, 0,
                ProducerConfig.RETRY_BACKOFF_MS_CONFIG, RETRY_BACKOFF_MS,
                ProducerConfig.CLIENT_ID_CONFIG, "tidemark-results"));
        if (kafka.property(ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG).isEmpty()) {
            String request =
                    kafka.property(ProducerConfig.REQUEST_TIMEOUT_MS_CONFIG).orElse(String.valueOf(REQUEST_TIMEOUT_MS));
            config.put(ProducerConfig.REQUEST_TIMEOUT_MS_CONFIG, request);
            // not below the timeout of a request
            config.put(
                    ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG,
                    Math.max(DELIVERY_TIMEOUT_MS, Integer.parseInt(request)));
        }
        return config;
    }
}
