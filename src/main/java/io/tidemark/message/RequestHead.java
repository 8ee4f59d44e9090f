package io.tidemark.message;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.time.Instant;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/**
 * The fields of a request that say when it ends and which request of its sender comes first. {@link RequestEstimate}
 * reads them before the request is parsed; a field that is not valid is then absent.
 *
 * @param id        identifies the request, 1 to 256 characters; the worker derives an id if it is absent
 * @param priority  requests with a smaller number run first, any int; default 0
 * @param deadline  the request ends at this instant, see {@link #expiry}; absent for no deadline
 * @param timeoutMs milliseconds from the timestamp of the request's record to its end, 1 or more; absent for no timeout
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record RequestHead(Optional<String> id, int priority, Optional<Instant> deadline, OptionalLong timeoutMs) {

    /** A head without any field. */
    public static final RequestHead EMPTY =
            new RequestHead(Optional.empty(), 0, Optional.empty(), OptionalLong.empty());

    /** The names of the fields. */
    static final Set<String> FIELDS = Set.of("id", "priority", "deadline", "timeout_ms");

    static RequestHead read(Fields fields) throws Fields.InvalidField {
        return new RequestHead(
                fields.text("id", 1, Fields.MAX_NAME_LENGTH),
                (int) fields.integer("priority", Integer.MIN_VALUE, Integer.MAX_VALUE, 0),
                fields.instant("deadline"),
                fields.integer("timeout_ms", 1, Long.MAX_VALUE));
    }

    /**
     * The instant at which the request ends: {@code deadline} or the end of {@code timeout_ms}, whichever is earlier. A
     * request that has not run until then gets a result without text, with the finish reason {@code deadline}. A
     * request that is running is cut, and its result has the text so far. The clock of the worker decides.
     *
     * @param timestamp when the request's record was written, milliseconds since 1970
     * @return empty if the request has neither field; {@link Instant#toEpochMilli} never overflows
     */
    public Optional<Instant> expiry(long timestamp) {
        if (timeoutMs.isEmpty()) {
            return deadline;
        }
        // clients may choose both numbers, and the sum may exceed a long
        long limit = Long.MAX_VALUE - Math.max(timestamp, 0);
        Instant end = Instant.ofEpochMilli(timestamp + Math.min(timeoutMs.getAsLong(), limit));
        return Optional.of(deadline.filter(end::isAfter).orElse(end));
    }
}
