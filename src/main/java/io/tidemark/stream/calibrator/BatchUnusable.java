package io.tidemark.stream.calibrator;

import io.tidemark.message.ErrorBody;
import java.util.Optional;

/** A batch that changes nothing and becomes a dead letter; never leaves this package. */
final class BatchUnusable extends Exception {

    private static final long serialVersionUID = 1L;

    private final transient ErrorBody error;

    BatchUnusable(ErrorBody error) {
        super(error.message(), null, false, false);
        this.error = error;
    }

    BatchUnusable(String code, String param, String message) {
        this(new ErrorBody("invalid_batch", code, message, Optional.of(param)));
    }

    ErrorBody error() {
        return error;
    }
}
