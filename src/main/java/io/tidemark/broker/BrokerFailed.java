package io.tidemark.broker;

/** The broker could not be started; the message says why. */
public final class BrokerFailed extends RuntimeException {

    private static final long serialVersionUID = 1L;

    BrokerFailed(String message, Throwable cause) {
        super(message, cause);
    }
}
