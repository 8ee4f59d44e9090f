package io.tidemark.adapter;

import io.tidemark.model.ModelRefused;
import java.nio.file.Path;

/** An adapter folder cannot be used, or asks for something that would not be applied exactly. Names file and field. */
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

    static AdapterRefused broken(Path file, String what) {
        return new AdapterRefused(file + ": " + what, false, null);
    }

    /** What the readers of a model's files found; its message names the file already. */
    static AdapterRefused because(ModelRefused cause) {
        return new AdapterRefused(cause.getMessage(), cause.isUnsupported(), cause);
    }

    static AdapterRefused broken(Path file, String what, Throwable cause) {
        return new AdapterRefused(file + ": " + what, false, cause);
    }

    /** True when the folder is sound and only asks for what Tidemark does not do. */
    public boolean isUnsupported() {
        return unsupported;
    }
}
