package io.tidemark.model;

import java.nio.file.Path;

/** A model folder cannot be used, or asks for something that would not be applied exactly. Names file and field. */
public final class ModelRefused extends RuntimeException {

    private static final long serialVersionUID = 1L;

    private final boolean unsupported;

    private ModelRefused(String message, boolean unsupported, Throwable cause) {
        super(message, cause);
        this.unsupported = unsupported;
    }

    static ModelRefused unsupported(Path file, String field, Object value) {
        return new ModelRefused("not supported yet: " + field + " = " + value + " (" + file + ")", true, null);
    }

    static ModelRefused broken(Path file, String what) {
        return new ModelRefused(file + ": " + what, false, null);
    }

    static ModelRefused broken(Path file, String what, Throwable cause) {
        return new ModelRefused(file + ": " + what, false, cause);
    }

    /** True when the folder is sound and only asks for what Tidemark does not do. */
    public boolean isUnsupported() {
        return unsupported;
    }
}
