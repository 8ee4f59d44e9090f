package io.tidemark.stream.tables;

/** A table was not read to its end within the timeout. The message names the topic. */
public final class TableReadException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    private final boolean progressing;

    TableReadException(String message) {
        this(message, false);
    }

    /** @param progressing whether records arrived until the timeout, so that the read would end with more time */
    TableReadException(String message, boolean progressing) {
        super(message);
        this.progressing = progressing;
    }

    boolean isProgressing() {
        return progressing;
    }
}
