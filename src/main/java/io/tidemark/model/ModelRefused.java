package io.tidemark.model;

import java.nio.file.Path;

/** A model folder cannot be used, or asks for something that would not be applied exactly. Names file and field. */
public final class ModelRefused extends RuntimeException {

    private static final long serialVersionUID = 1L;
    private static final int MOST_CHARACTERS = 1000;

    private final boolean unsupported;

    private ModelRefused(String message, boolean unsupported, Throwable cause) {
        super(shortened(message), cause);
        this.unsupported = unsupported;
    }

    public static ModelRefused unsupported(Path file, String field, Object value) {
        return new ModelRefused("not supported yet: " + field + " = " + value + " (" + file + ")", true, null);
    }

    public static ModelRefused broken(Path file, String what) {
        return new ModelRefused(file + ": " + what, false, null);
    }

    public static ModelRefused broken(Path file, String what, Throwable cause) {
        return new ModelRefused(file + ": " + what, false, cause);
    }

    /** A message may quote what a stranger wrote, at any length; an error is for people. */
    public static String shortened(String message) {
        return message.length() <= MOST_CHARACTERS ? message : message.substring(0, MOST_CHARACTERS) + "…";
    }

    /** True when the folder is sound and only asks for what Tidemark does not do. */
    public boolean isUnsupported() {
        return unsupported;
    }
}
