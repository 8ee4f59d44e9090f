package io.tidemark.client;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;

/** Sends records and waits for their acknowledgement. */
final class RecordSender implements AutoCloseable {

    private final Producer<String, byte[]> producer;

    RecordSender(Cluster cluster) {
        this.producer = cluster.producer();
    }

    /** @throws ClientException when the broker does not acknowledge the record */
    RecordMetadata send(ProducerRecord<String, byte[]> record) {
        return acknowledged(producer.send(record));
    }

    /**
     * Sends all records, then waits for all of them.
     *
     * @return the positions of the records, in their order
     * @throws ClientException when the broker does not acknowledge one of them
     */
    List<RecordMetadata> sendAll(List<ProducerRecord<String, byte[]>> records) {
        return records.stream().map(producer::send).toList().stream()
                .map(RecordSender::acknowledged)
                .toList();
    }

    /** Does not wait: all records are acknowledged, and an interrupted thread could not wait. */
    @Override
    public void close() {
        producer.close(Duration.ZERO);
    }

    private static RecordMetadata acknowledged(Future<RecordMetadata> sent) {
        try {
            return sent.get();
        } catch (ExecutionException e) {
            throw ClientException.of("the broker did not acknowledge a record", e.getCause());
        } catch (InterruptedException e) {
            throw ClientException.interrupted(e);
        }
    }
}
