package io.tidemark.adapter;

/** An adapter was not loaded in time: its volume does not respond. A later attempt may succeed. */
public final class AdapterLoadTimeoutException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    AdapterLoadTimeoutException(String message) {
        super(message);
    }
}
