package io.tidemark.message;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidemark.message.Provenance.Source;
import java.util.Optional;

/**
 * One value of the topic {@code generation-cancellations}. It names the requests to cancel by {@code id} or one record
 * by {@code source}; exactly one of both is present.
 *
 * @param id     the id of the requests to cancel
 * @param source the record of the request to cancel, as in {@code tidemark.source} of its result
 * @param reason why, for people; Tidemark does not read it
 */
public record CancellationMessage(Optional<String> id, Optional<Source> source, Optional<String> reason) {

    /** The maximum size of a record's value, in bytes. */
    public static final int MAX_BYTES = 64 * 1024;

    /** The maximum length of a topic's name in Kafka, in characters. */
    private static final int MAX_TOPIC_LENGTH = 249;

    /** @throws IllegalArgumentException unless exactly one of {@code id} and {@code source} is present */
    public CancellationMessage {
        if (id.isPresent() == source.isPresent()) {
            throw new IllegalArgumentException("a cancellation has an id or a source, not both");
        }
    }

    /** Cancels the requests with an id whose records are not newer than that of the cancellation. */
    public static CancellationMessage ofId(String id) {
        return new CancellationMessage(Optional.of(id), Optional.empty(), Optional.empty());
    }

    /** Cancels the request of one record. */
    public static CancellationMessage ofSource(Source source) {
        return new CancellationMessage(Optional.empty(), Optional.of(source), Optional.empty());
    }

    /**
     * Parses a value of the topic. Errors have the type {@link ErrorBody#INVALID_REQUEST}.
     *
     * @param value the value of the Kafka record, which may be null
     */
    public static Parsed<CancellationMessage> parse(byte[] value) {
        return TopicJson.parse(value, MAX_BYTES, CancellationMessage::read);
    }

    private static CancellationMessage read(Fields fields) throws Fields.InvalidField {
        Optional<String> id = fields.text("id", 1, Fields.MAX_NAME_LENGTH);
        Optional<JsonNode> node = fields.find("source");
        if (id.isPresent() && node.isPresent()) {
            throw new Fields.InvalidField("conflicting_fields", "source", "'id' and 'source' must not both be present");
        }
        if (id.isEmpty() && node.isEmpty()) {
            throw new Fields.InvalidField("missing_field", "id", "'id' or 'source' is required");
        }
        Optional<Source> source =
                node.isEmpty() ? Optional.empty() : Optional.of(source(Fields.of(node.get(), fields.name("source"))));
        return new CancellationMessage(id, source, fields.text("reason", 0, MAX_BYTES));
    }

    private static Source source(Fields fields) throws Fields.InvalidField {
        return new Source(
                fields.requireText("topic", 1, MAX_TOPIC_LENGTH),
                Math.toIntExact(
                        Fields.integer(fields.require("partition"), fields.name("partition"), 0, Integer.MAX_VALUE)),
                Fields.integer(fields.require("offset"), fields.name("offset"), 0, Long.MAX_VALUE));
    }
}
