package io.tidemark.request;

import io.tidemark.message.Provenance.Source;
import io.tidemark.message.RequestHead;
import io.tidemark.text.LogFields;
import java.time.Instant;
import java.util.Optional;

/**
 * A request as it was received, before it is parsed. Two deliveries of one record are two values.
 *
 * @param source        the position of the request's record
 * @param value         the encoded request; empty if the record has no value
 * @param size          bytes of the encoded request; {@code value} has only the first of them if they exceed a limit
 * @param head          what is known of its fields
 * @param timestamp     when the record was written, milliseconds since 1970
 * @param attempt       the {@code attempt} of its events and its result
 * @param receivedNanos {@link io.tidemark.time.Time#nanoTime} when the record was received
 * @param reply         where its events and its answer go
 * @param tenant        the sender
 */
public record ReceivedRequest(
        Source source,
        Optional<byte[]> value,
        long size,
        RequestHead head,
        long timestamp,
        long attempt,
        long receivedNanos,
        ReplyTarget reply,
        Tenant tenant) {

    /** The id in the record, or the one derived from its position. */
    public String id() {
        return head.id().orElseGet(this::derivedId);
    }

    /** The id and the tenant, for log records about the request. */
    public LogFields logFields() {
        return LogFields.request(id(), tenant.name());
    }

    /** When the request ends, whatever it waits for; empty without an end. */
    Optional<Instant> expiry() {
        return head.expiry(timestamp);
    }

    /** The id of a request without one: its position, so that every delivery has the same id. */
    String derivedId() {
        return source.derivedId();
    }

    /** What the ids in the engine of all deliveries of the record begin with. */
    String engineIdPrefix() {
        return derivedId() + "#";
    }

    /** The position for the log, as {@code TOPIC-PARTITION@OFFSET}. */
    String position() {
        return source.topic() + "-" + source.partition() + "@" + source.offset();
    }
}
