package io.tidemark.model;

import java.nio.file.Path;

/** A model folder is broken, or needs a feature that is not supported. The message names file and field. */
public final class InvalidModelException extends RuntimeException {

    private static final long serialVersionUID = 1L;
    private static final int MAX_CHARACTERS = 1000;

    private final boolean unsupported;

    private InvalidModelException(String message, boolean unsupported, Throwable cause) {
        super(shortened(message), cause);
        this.unsupported = unsupported;
    }

    /** A field or tensor has a value that is not supported. */
    public static InvalidModelException unsupported(Path file, String field, Object value) {
        return new InvalidModelException("not supported yet: " + field + " = " + value + " (" + file + ")", true, null);
    }

    /** A file or folder is broken. */
    public static InvalidModelException broken(Path file, String problem) {
        return new InvalidModelException(file + ": " + problem, false, null);
    }

    /** A file or folder is broken, because of another exception. */
    public static InvalidModelException broken(Path file, String problem, Throwable cause) {
        return new InvalidModelException(file + ": " + problem, false, cause);
    }

    /** Truncates a message: it may quote text of any length from a file. */
    public static String shortened(String message) {
        return message.length() <= MAX_CHARACTERS ? message : message.substring(0, MAX_CHARACTERS) + "…";
    }

    /** Whether the folder is valid but needs a feature that is not supported. */
    public boolean isUnsupported() {
        return unsupported;
    }
}
