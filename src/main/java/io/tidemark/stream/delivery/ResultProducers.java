package io.tidemark.stream.delivery;

import io.tidemark.stream.topics.KafkaClients;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Supplier;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;

/**
 * Creates the producers of results, with the timeouts that their transactions need.
 *
 * @param transactionalId of this process; all its producers have it
 */
record ResultProducers(KafkaClients kafka, String transactionalId) implements Supplier<Producer<byte[], byte[]>> {

    /** Bounds how long a dead worker delays readers, if no other worker ends its transaction. */
    private static final int TRANSACTION_TIMEOUT_MS = 10_000;

    /** Below the timeout of the transaction, so that a record that no broker takes is known before it is aborted. */
    private static final int REQUEST_TIMEOUT_MS = 4_000;

    private static final int DELIVERY_TIMEOUT_MS = 8_000;
    /** Of a call of the producer. */
    private static final int MAX_BLOCK_MS = 5_000;

    /**
     * The first request of a transaction is refused while the markers of the one before are written. Grows with each
     * attempt, up to {@code retry.backoff.max.ms}.
     */
    private static final int RETRY_BACKOFF_MS = 2;

    @Override
    public Producer<byte[], byte[]> get() {
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
        return kafka.newTransactionalProducer(transactionalId, config);
    }
}
