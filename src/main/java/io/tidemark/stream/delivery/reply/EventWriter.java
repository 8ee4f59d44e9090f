package io.tidemark.stream.delivery.reply;

import io.smallrye.reactive.messaging.kafka.api.OutgoingKafkaRecordMetadata;
import io.tidemark.message.EventMessage;
import io.tidemark.message.TopicJson;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.eclipse.microprofile.reactive.messaging.Message;
import org.jboss.logging.Logger;

/**
 * Writes events to SmallRye's channel {@code generation-events}. An event is written once, outside of transactions,
 * because readers should get it at once and the result has the whole text. Any thread calls it, also that of the
 * engine, so it never waits: an event that does not fit into the buffer of the channel is dropped. Thread-safe.
 */
public final class EventWriter {

    private static final Logger LOG = Logger.getLogger(EventWriter.class);

    private final Consumer<Message<byte[]>> channel;
    private final AtomicLong dropped = new AtomicLong();

    /** @param channel throws an exception if its buffer is full */
    public EventWriter(Consumer<Message<byte[]>> channel) {
        this.channel = channel;
    }

    /** @param headers the headers of the event's record */
    void write(EventMessage event, List<Header> headers) {
        try {
            Message<byte[]> message = Message.of(TopicJson.write(event))
                    .addMetadata(OutgoingKafkaRecordMetadata.builder()
                            .withKey(event.id().getBytes(StandardCharsets.UTF_8))
                            .withHeaders(new RecordHeaders(headers))
                            .build());
            synchronized (this) {
                channel.accept(message);
            }
        } catch (RuntimeException e) {
            if (dropped.getAndIncrement() == 0) {
                LOG.warnf("events are dropped, because the broker does not take them in time: %s", e.getMessage());
            }
        }
    }

    /** Number of events that were dropped since the start. */
    public long dropped() {
        return dropped.get();
    }
}
