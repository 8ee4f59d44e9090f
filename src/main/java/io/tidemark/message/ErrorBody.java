package io.tidemark.message;

import java.util.Optional;

/**
 * An error, as its sender receives it.
 *
 * @param type    the class of the error, as in OpenAI's API: {@link #INVALID_REQUEST} for an invalid request,
 *                validation batch or cancellation, or {@link #SERVER_ERROR}
 * @param code    a code for programs; {@link RequestMessage#parse} lists those of invalid records
 * @param message a description for people, without text of the prompt
 * @param param   the invalid field, such as {@code max_tokens} or {@code messages[2].role}
 */
public record ErrorBody(String type, String code, String message, Optional<String> param) {

    public static final String INVALID_REQUEST = "invalid_request_error";
    public static final String SERVER_ERROR = "server_error";

    /** An error in a record that was parsed, such as an unknown adapter. */
    public static ErrorBody invalidRequest(String code, String param, String message) {
        return new ErrorBody(INVALID_REQUEST, code, message, Optional.of(param));
    }

    /** The adapter can't be loaded. The reason is in the log: it names folders of the server. */
    public static ErrorBody adapterUnusable(String adapter) {
        return serverError("adapter_unusable", "adapter '" + adapter + "' can't be loaded");
    }

    /** The adapter was not loaded in time. */
    public static ErrorBody adapterTimeout(String adapter) {
        return serverError(
                "adapter_load_timeout",
                "adapter '" + adapter + "' was not loaded in time; send the request again later");
    }

    /** A failure of the server for a valid request. */
    public static ErrorBody serverError(String code, String message) {
        return new ErrorBody(SERVER_ERROR, code, message, Optional.empty());
    }
}
