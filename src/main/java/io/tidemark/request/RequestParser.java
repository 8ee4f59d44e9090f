package io.tidemark.request;

import io.tidemark.message.ErrorBody;
import io.tidemark.message.Parsed;
import io.tidemark.message.RequestMessage;
import io.tidemark.message.UnknownField;
import io.tidemark.text.NearestNames;

/**
 * How requests are parsed.
 *
 * @param maxBytes      larger requests are rejected without parsing
 * @param unknownFields what follows from a field that Tidemark does not have
 */
public record RequestParser(int maxBytes, UnknownField.Rule unknownFields) {

    Parsed<RequestMessage> parse(ReceivedRequest request) {
        return request.size() > maxBytes
                ? RequestMessage.tooLarge(request.size(), maxBytes)
                : RequestMessage.parse(request.value().orElse(null), maxBytes, unknownFields);
    }

    /** The error that names an unknown field and the nearest field of its object. */
    public static ErrorBody refusal(UnknownField field) {
        String nearest = new NearestNames(field.known())
                .to(field.name(), 1).stream()
                        .findFirst()
                        .map(name -> "; did you mean '" + name + "'?")
                        .orElse("");
        return ErrorBody.invalidRequest(
                "unknown_field", field.path(), "unknown field '" + field.path() + "'" + nearest);
    }
}
