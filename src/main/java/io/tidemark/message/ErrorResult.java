package io.tidemark.message;

import java.util.Optional;

/**
 * The result of a failed request.
 *
 * @param object  always {@link #ERROR}
 * @param created seconds since 1970
 * @param model   the {@code model} of the request, if the request was parsed
 */
public record ErrorResult(
        String id, String object, long created, Optional<String> model, ErrorBody error, Provenance tidemark)
        implements ResultMessage {

    public static final String ERROR = "error";

    public static ErrorResult of(
            String id, long created, Optional<String> model, ErrorBody error, Provenance tidemark) {
        return new ErrorResult(id, ERROR, created, model, error, tidemark);
    }
}
