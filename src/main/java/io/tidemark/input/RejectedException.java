package io.tidemark.input;

import io.tidemark.message.ErrorBody;
import java.util.Optional;

/** A request, a batch or an example can't be processed. {@link #error} goes to its sender. */
public final class RejectedException extends Exception {

    private static final long serialVersionUID = 1L;

    private final transient ErrorBody error;

    public RejectedException(ErrorBody error) {
        super(error.message(), null, false, false);
        this.error = error;
    }

    /**
     * An error in what the sender wrote.
     *
     * @param field the path of the field; empty for the whole record
     */
    public RejectedException(String code, String field, String message) {
        this(new ErrorBody(
                ErrorBody.INVALID_REQUEST, code, message, Optional.of(field).filter(path -> !path.isEmpty())));
    }

    /** Code, message and, if one field is wrong, its path. */
    public ErrorBody error() {
        return error;
    }
}
