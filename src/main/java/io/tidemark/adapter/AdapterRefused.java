package io.tidemark.adapter;

import io.tidemark.model.ModelRefused;
import java.nio.file.Path;

/**
 * An adapter folder is broken, or has an option or tensor that would not be applied exactly. The message names file and
 * field.
 */
public final class AdapterRefused extends RuntimeException {

    private static final long serialVersionUID = 1L;

    private final boolean unsupported;

    private AdapterRefused(String message, boolean unsupported, Throwable cause) {
        super(ModelRefused.shortened(message), cause);
        this.unsupported = unsupported;
    }

    static AdapterRefused unsupported(Path file, String field, Object value) {
        return new AdapterRefused("not supported yet: " + field + " = " + value + " (" + file + ")", true, null);
    }

    static AdapterRefused broken(Path file, String problem) {
        return new AdapterRefused(file + ": " + problem, false, null);
    }

    static AdapterRefused broken(Path file, String problem, Throwable cause) {
        return new AdapterRefused(file + ": " + problem, false, cause);
    }

    /** For an error of the readers of model files, whose message already names the file. */
    static AdapterRefused because(ModelRefused cause) {
        return new AdapterRefused(cause.getMessage(), cause.isUnsupported(), cause);
    }

    /** Whether the folder is valid but needs a feature that Tidemark does not have. */
    public boolean isUnsupported() {
        return unsupported;
    }
}
