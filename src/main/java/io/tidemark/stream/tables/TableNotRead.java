package io.tidemark.stream.tables;

/** A table could not be read to its end in time; the message names the topic. */
public final class TableNotRead extends RuntimeException {

    private static final long serialVersionUID = 1L;

    TableNotRead(String message) {
        super(message);
    }
}
