package io.tidemark.message;

import java.util.Optional;

/**
 * An error, as its sender receives it.
 *
 * @param type    the class of the error: {@code invalid_request}, {@code invalid_batch}, {@code invalid_cancellation}
 *                or {@code server_error}
 * @param code    a code for programs; {@link RequestMessage#parse} lists those of invalid records
 * @param message a description for people, without text of the prompt
 * @param param   the invalid field, such as {@code max_tokens} or {@code messages[2].role}
 */
public record ErrorBody(String type, String code, String message, Optional<String> param) {

    /** An error in a request that was parsed, such as an unknown adapter. */
    public static ErrorBody invalidRequest(String code, String param, String message) {
        return new ErrorBody("invalid_request", code, message, Optional.of(param));
    }

    /** A failure of the server for a valid request. */
    public static ErrorBody serverError(String code, String message) {
        return new ErrorBody("server_error", code, message, Optional.empty());
    }
}
