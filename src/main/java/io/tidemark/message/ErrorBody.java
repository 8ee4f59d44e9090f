package io.tidemark.message;

import java.util.Optional;

/**
 * What is wrong with a request, for the one who sent it.
 *
 * @param type    whose fault it is: {@code invalid_request}, {@code invalid_batch}, … or {@code server_error}
 * @param code    a word for programs; {@link RequestParser} lists those for bad input
 * @param message a sentence for people that holds no text of a prompt
 * @param param   the field to blame, such as {@code max_tokens} or {@code messages[2].role}
 */
public record ErrorBody(String type, String code, String message, Optional<String> param) {

    /** A request that can't be served as it is, found out later than by reading it. */
    public static ErrorBody invalidRequest(String code, String param, String message) {
        return new ErrorBody("invalid_request", code, message, Optional.of(param));
    }

    /** A good request that the worker failed. */
    public static ErrorBody serverError(String code, String message) {
        return new ErrorBody("server_error", code, message, Optional.empty());
    }
}
