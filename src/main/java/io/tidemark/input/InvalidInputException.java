package io.tidemark.input;

import io.tidemark.message.ErrorBody;
import java.util.Optional;

/** The model has no tokens for an input. {@link #error} has the code, the path of the field and the message. */
public final class InvalidInputException extends Exception {

    private static final long serialVersionUID = 1L;

    private final transient ErrorBody error;

    /** @param field the path of the field; empty for the whole document */
    InvalidInputException(String code, String field, String message) {
        super(message, null, false, false);
        this.error = new ErrorBody(
                ErrorBody.INVALID_REQUEST, code, message, Optional.of(field).filter(path -> !path.isEmpty()));
    }

    /** The error as the sender of a record receives it; its type is {@link ErrorBody#INVALID_REQUEST}. */
    public ErrorBody error() {
        return error;
    }
}
