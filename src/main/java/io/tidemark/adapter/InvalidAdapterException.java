package io.tidemark.adapter;

import io.tidemark.model.InvalidModelException;
import java.nio.file.Path;

/**
 * An adapter folder is broken, or has an option or tensor that would not be applied exactly. The message names file and
 * field.
 */
public final class InvalidAdapterException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    private final boolean unsupported;

    private InvalidAdapterException(String message, boolean unsupported, Throwable cause) {
        super(InvalidModelException.shortened(message), cause);
        this.unsupported = unsupported;
    }

    static InvalidAdapterException unsupported(Path file, String field, Object value) {
        return new InvalidAdapterException(
                "not supported yet: " + field + " = " + value + " (" + file + ")", true, null);
    }

    static InvalidAdapterException broken(Path file, String problem) {
        return new InvalidAdapterException(file + ": " + problem, false, null);
    }

    static InvalidAdapterException broken(Path file, String problem, Throwable cause) {
        return new InvalidAdapterException(file + ": " + problem, false, cause);
    }

    /** Wraps an error of the readers of model files, whose message already names the file. */
    static InvalidAdapterException because(InvalidModelException cause) {
        return new InvalidAdapterException(cause.getMessage(), cause.isUnsupported(), cause);
    }

    /** Whether the folder is valid but needs a feature that Tidemark does not have. */
    public boolean isUnsupported() {
        return unsupported;
    }
}
