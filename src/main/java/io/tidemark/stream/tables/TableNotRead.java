package io.tidemark.stream.tables;

/** A table was not read to its end within the timeout. The message names the topic. */
public final class TableNotRead extends RuntimeException {

    private static final long serialVersionUID = 1L;

    TableNotRead(String message) {
        super(message);
    }
}
