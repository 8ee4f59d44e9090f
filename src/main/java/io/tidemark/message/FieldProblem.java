package io.tidemark.message;

import java.util.Optional;

/** A rule that a document breaks; ends the reading of it and never leaves the room. */
final class FieldProblem extends Exception {

    private static final long serialVersionUID = 1L;

    private final String code;
    private final String param;

    /** @param param the field's name, or null where the whole document is to blame */
    FieldProblem(String code, String param, String message) {
        super(message, null, false, false);
        this.code = code;
        this.param = param;
    }

    ErrorBody asError(String type) {
        return new ErrorBody(type, code, getMessage(), Optional.ofNullable(param));
    }
}
