package io.tidemark.broker;

/** The embedded broker could not be started. */
public final class BrokerFailed extends RuntimeException {

    private static final long serialVersionUID = 1L;

    BrokerFailed(String message, Throwable cause) {
        super(message, cause);
    }
}
