package io.tidemark.client;

/** A Kafka operation failed; the message is one line that says what failed and what to do. */
public final class ClientException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    ClientException(String message) {
        super(message);
    }

    ClientException(String message, Throwable cause) {
        super(message, cause);
    }

    /** Restores the interrupt flag of the thread. */
    static ClientException interrupted(InterruptedException e) {
        Thread.currentThread().interrupt();
        return new ClientException("interrupted", e);
    }
}
