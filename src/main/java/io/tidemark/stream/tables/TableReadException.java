package io.tidemark.stream.tables;

/** A table was not read to its end within the timeout. The message names the topic. */
public final class TableReadException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    TableReadException(String message) {
        super(message);
    }
}
