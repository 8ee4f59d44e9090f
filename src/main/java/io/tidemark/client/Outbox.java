package io.tidemark.client;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;

/** A producer whose records have arrived when a call returns. */
final class Outbox implements AutoCloseable {

    private final Producer<String, byte[]> producer;

    Outbox(Cluster cluster) {
        this.producer = cluster.producer();
    }

    /** @throws ClientException when the broker did not take the record */
    RecordMetadata put(ProducerRecord<String, byte[]> record) {
        return arrived(producer.send(record));
    }

    /**
     * Sends all at once.
     *
     * @return where each record lies, in their order
     * @throws ClientException when the broker did not take one of them
     */
    List<RecordMetadata> putAll(List<ProducerRecord<String, byte[]>> records) {
        return records.stream().map(producer::send).toList().stream()
                .map(Outbox::arrived)
                .toList();
    }

    /** There is nothing left to wait for, and the producer would complain of being interrupted while it waits. */
    @Override
    public void close() {
        producer.close(Duration.ZERO);
    }

    private static RecordMetadata arrived(Future<RecordMetadata> sent) {
        try {
            return sent.get();
        } catch (ExecutionException e) {
            throw new ClientException(
                    "the broker did not take a record: " + e.getCause().getMessage(), e);
        } catch (InterruptedException e) {
            throw Interrupted.asFailure(e);
        }
    }
}
