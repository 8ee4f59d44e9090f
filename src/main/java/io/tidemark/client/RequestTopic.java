package io.tidemark.client;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.tidemark.message.Provenance.Source;
import java.io.IOException;
import java.time.Instant;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.header.Header;

/** Reads the request topic, so that a program finds the requests that it sent before it ended. */
public final class RequestTopic {

    private static final JsonFactory JSON = new JsonFactory();

    private final Cluster cluster;
    private final String topic;

    public RequestTopic(Cluster cluster, Topics topics) {
        this.cluster = cluster;
        this.topic = topics.requests();
    }

    /** Receives requests, in the order of their partitions. */
    @FunctionalInterface
    public interface Handler {

        /** @param header the value of the header */
        void accept(String id, byte[] header, Source source);
    }

    /**
     * Reads the requests that have an id and a header, up to the current end of the topic.
     *
     * @param since  the time of the first record by the clock of the brokers, or of clients if the topic has
     *     {@code CreateTime}
     * @param header the name of the header
     * @throws ClientException when the topic cannot be read: it needs the right READ
     */
    public void readSince(Instant since, String header, Handler handler) {
        try {
            cluster.read(topic, Optional.of(since), record -> {
                Header found = record.headers().lastHeader(header);
                if (found != null && found.value() != null && record.value() != null) {
                    id(record)
                            .ifPresent(id -> handler.accept(
                                    id,
                                    found.value(),
                                    new Source(record.topic(), record.partition(), record.offset())));
                }
            });
        } catch (ClientException.AccessDenied e) {
            if (!(e.getCause() instanceof AuthorizationException)) {
                throw e;
            }
            throw ClientException.of("topic '" + topic + "' cannot be read, which needs the right READ", e.getCause());
        }
    }

    private static Optional<String> id(ConsumerRecord<String, byte[]> record) {
        try (JsonParser json = JSON.createParser(record.value())) {
            if (json.nextToken() != JsonToken.START_OBJECT) {
                return Optional.empty();
            }
            for (String field = json.nextFieldName(); field != null; field = json.nextFieldName()) {
                JsonToken value = json.nextToken();
                if (field.equals("id")) {
                    return Optional.ofNullable(value == JsonToken.VALUE_STRING ? json.getText() : null);
                }
                json.skipChildren();
            }
            return Optional.empty();
        } catch (IOException e) {
            return Optional.empty();
        }
    }
}
