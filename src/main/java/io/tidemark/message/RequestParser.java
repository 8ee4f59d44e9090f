package io.tidemark.message;

import static io.tidemark.message.Range.NOT_NEGATIVE;
import static io.tidemark.message.Range.POSITIVE;
import static io.tidemark.message.Range.POSITIVE_SHARE;
import static io.tidemark.message.Range.SHARE;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * Reads values of {@code generation-requests} strictly. Errors are of type {@code invalid_request}; their codes are
 * {@code empty_value}, {@code request_too_large}, {@code invalid_utf8}, {@code invalid_json}, {@code missing_field},
 * {@code conflicting_fields}, {@code invalid_type}, {@code invalid_value} and {@code out_of_range}. Immutable; may be
 * shared between threads.
 */
public final class RequestParser {

    /** Characters of an id, a model's name, a role or a user. */
    static final int MAX_NAME_LENGTH = 256;

    /** Far above any context, far below where adding a prompt would overflow an int. */
    static final int MAX_TOKENS = 1 << 30;

    private static final int MAX_STOPS = 16;
    private static final int MAX_STOP_LENGTH = 1024;

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
        return new RequestMessage(
                fields.text("id", 1, MAX_NAME_LENGTH),
                fields.requireText("model", 1, MAX_NAME_LENGTH),
                InputRules.read(fields),
                (int) fields.integer("max_tokens", 1, MAX_TOKENS, RequestMessage.DEFAULT_MAX_TOKENS),
                fields.number("temperature", NOT_NEGATIVE, 1),
                fields.number("top_p", POSITIVE_SHARE, 1),
                (int) fields.integer("top_k", 0, Integer.MAX_VALUE, 0),
                fields.number("min_p", SHARE, 0),
                fields.number("repetition_penalty", POSITIVE, 1),
                fields.integer("seed", Long.MIN_VALUE, Long.MAX_VALUE),
                stop(fields),
                (int) fields.integer("n", 1, 16, 1),
                toInt(fields.integer("logprobs", 0, 20)),
                fields.text("user", 0, MAX_NAME_LENGTH),
                fields.flag("stream", false),
                (int) fields.integer("priority", Integer.MIN_VALUE, Integer.MAX_VALUE, 0),
                fields.instant("deadline"),
                toInt(fields.integer("boundary", 0, Integer.MAX_VALUE)));
    }

    private static List<String> stop(Fields fields) throws FieldProblem {
        Optional<JsonNode> found = fields.find("stop");
        if (found.isEmpty()) {
            return List.of();
        }
        if (!found.get().isArray()) {
            if (!found.get().isTextual()) {
                throw Fields.wrongType("stop", "a string or a list of strings", found.get());
            }
            return List.of(fields.requireText("stop", 1, MAX_STOP_LENGTH));
        }
        if (found.get().size() > MAX_STOPS) {
            throw new FieldProblem("out_of_range", "stop", "'stop' takes at most " + MAX_STOPS + " texts");
        }
        List<String> stops = new ArrayList<>();
        for (JsonNode element : found.get()) {
            stops.add(Fields.text(element, "stop[" + stops.size() + "]", 1, MAX_STOP_LENGTH));
        }
        return stops;
    }

    private static OptionalInt toInt(OptionalLong value) {
        return value.isPresent() ? OptionalInt.of(Math.toIntExact(value.getAsLong())) : OptionalInt.empty();
    }
}
