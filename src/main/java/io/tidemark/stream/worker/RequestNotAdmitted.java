package io.tidemark.stream.worker;

import io.tidemark.message.ErrorBody;

/** A request that can't be served as it is; ends its admission and never leaves this package. */
final class RequestNotAdmitted extends Exception {

    private static final long serialVersionUID = 1L;

    private final transient ErrorBody error;

    RequestNotAdmitted(String code, String param, String message) {
        this(ErrorBody.invalidRequest(code, param, message));
    }

    private RequestNotAdmitted(ErrorBody error) {
        super(error.message(), null, false, false);
        this.error = error;
    }

    ErrorBody error() {
        return error;
    }
}
