package io.tidemark.message;

import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * Reads values of {@code generation-requests} strictly. Errors are of type {@code invalid_request}; their codes are
 * {@code empty_value}, {@code request_too_large}, {@code invalid_utf8}, {@code invalid_json}, {@code missing_field},
 * {@code conflicting_fields}, {@code unsupported_field}, {@code invalid_type}, {@code invalid_value} and
 * {@code out_of_range}. Immutable; may be shared between threads.
 */
public final class RequestParser {

    /** Characters of an id, a model's name, a role or a user. */
    static final int MAX_NAME_LENGTH = 256;

    private final DocumentReader documents;

    /** @param maxBytes larger values are refused unparsed, {@code tidemark.limits.request-bytes} */
    public RequestParser(int maxBytes) {
        documents = new DocumentReader("invalid_request", "id", maxBytes);
    }

    /** @param value the record's value as Kafka hands it over, null included */
    public Parsed<RequestMessage> parse(byte[] value) {
        return documents.read(value, RequestParser::read);
    }

    private static RequestMessage read(Fields fields) throws FieldProblem {
        UnsupportedFields.refuse(fields);
        return new RequestMessage(
                fields.text("id", 1, MAX_NAME_LENGTH),
                fields.requireText("model", 1, MAX_NAME_LENGTH),
                InputRules.read(fields),
                SamplingRules.read(fields),
                EndingRules.read(fields),
                (int) fields.integer("n", 1, 16, 1),
                LogprobRules.read(fields),
                fields.text("user", 0, MAX_NAME_LENGTH),
                fields.flag("stream", false),
                (int) fields.integer("priority", Integer.MIN_VALUE, Integer.MAX_VALUE, 0),
                fields.instant("deadline"),
                toInt(fields.integer("boundary", 0, Integer.MAX_VALUE)));
    }

    private static OptionalInt toInt(OptionalLong value) {
        return value.isPresent() ? OptionalInt.of(Math.toIntExact(value.getAsLong())) : OptionalInt.empty();
    }
}
