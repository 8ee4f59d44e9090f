package io.tidemark.cli.client;

import io.tidemark.cli.CommandFailed;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.RecordMetadata;

/** A record that was handed to a producer, awaited. */
final class Sent {

    private Sent() {
    }

    /** @throws CommandFailed when the broker did not take the record */
    static RecordMetadata await(Future<RecordMetadata> sent) {
        try {
            return sent.get();
        } catch (ExecutionException e) {
            throw new CommandFailed("the broker did not take a record: " + e.getCause().getMessage(), e);
        } catch (InterruptedException e) {
            throw Interrupted.asFailure(e);
        }
    }
}
