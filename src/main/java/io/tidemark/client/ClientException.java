package io.tidemark.client;

import io.tidemark.message.ErrorBody;
import org.apache.kafka.common.errors.AuthenticationException;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.RecordTooLargeException;

/**
 * An operation of the client failed; the message is one line that says what failed and what to do. The nested classes
 * are the failures that a program may want to handle; any other failure of Kafka is a {@link Failed}.
 */
public abstract sealed class ClientException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    private ClientException(String message, Throwable cause) {
        super(message, cause);
    }

    /** A Kafka operation failed for another reason than those below. */
    public static final class Failed extends ClientException {

        private static final long serialVersionUID = 1L;

        Failed(String message) {
            super(message, null);
        }

        Failed(String message, Throwable cause) {
            super(message, cause);
        }
    }

    /** The service answered the request with an error result. */
    public static final class Refused extends ClientException {

        private static final long serialVersionUID = 1L;

        private final String code;
        private final boolean invalidRequest;

        Refused(String id, ErrorBody error) {
            super(
                    "request '" + id + "' was refused: " + error.code() + ": " + error.message()
                            + error.param()
                                    .map(param -> " (field " + param + ")")
                                    .orElse(""),
                    null);
            this.code = error.code();
            this.invalidRequest = error.type().equals(ErrorBody.INVALID_REQUEST);
        }

        /** The code of the error, such as {@code unknown_adapter}. */
        public String code() {
            return code;
        }

        /** Whether the request is invalid, so that the same request fails again. */
        public boolean isInvalidRequest() {
            return invalidRequest;
        }
    }

    /** The record is larger than the producer or the topic permits. It is not sent. */
    public static final class TooLarge extends ClientException {

        private static final long serialVersionUID = 1L;

        TooLarge(String what, int bytes, String topic, Throwable cause) {
            super(
                    what + " has " + bytes + " bytes, which topic '" + topic
                            + "' does not accept; shorten it, or raise max.message.bytes of the topic",
                    cause);
        }
    }

    /**
     * The client waited for the longest permitted time. The service continues with the request, unless the message says
     * that it was not sent.
     */
    public static final class TimedOut extends ClientException {

        private static final long serialVersionUID = 1L;

        TimedOut(String message) {
            super(message, null);
        }
    }

    /** The answer is not the JSON of the class that the program reads. */
    public static final class Unreadable extends ClientException {

        private static final long serialVersionUID = 1L;

        Unreadable(String message) {
            super(message, null);
        }

        Unreadable(String message, Throwable cause) {
            super(message, cause);
        }
    }

    /** The request was cancelled before its record was sent; the service never sees it. */
    public static final class Cancelled extends ClientException {

        private static final long serialVersionUID = 1L;

        Cancelled(String message) {
            super(message, null);
        }
    }

    /** The client was closed before the operation ended. The service continues with the request. */
    public static final class Closed extends ClientException {

        private static final long serialVersionUID = 1L;

        Closed(String message) {
            super(message, null);
        }

        Closed(String message, Throwable cause) {
            super(message, cause);
        }
    }

    /** The credentials are wrong, or the principal lacks a right on a topic or group. */
    public static final class AccessDenied extends ClientException {

        private static final long serialVersionUID = 1L;

        AccessDenied(String what, Throwable cause) {
            super(
                    what + ": " + cause.getMessage()
                            + (cause instanceof AuthenticationException
                                    ? "; check the credentials in the properties of the cluster"
                                    : "; grant the rights of a client (docs/configuration.md#rights)"),
                    cause);
        }
    }

    /** A limit of the client was reached. The request is not sent. */
    public static final class TooManyOpen extends ClientException {

        private static final long serialVersionUID = 1L;

        TooManyOpen(String message) {
            super(message, null);
        }
    }

    /** @param what the operation that Kafka refused, such as {@code request 'a' was not sent} */
    static ClientException of(String what, Throwable cause) {
        if (cause instanceof ClientException known) {
            return known;
        }
        if (cause instanceof AuthorizationException || cause instanceof AuthenticationException) {
            return new AccessDenied(what, cause);
        }
        return new Failed(what + ": " + cause.getMessage(), cause);
    }

    /** The exception for a record of {@code bytes} bytes that was not sent, see {@link #of(String, Throwable)}. */
    static ClientException ofRecord(String what, int bytes, String topic, Throwable cause) {
        return cause instanceof RecordTooLargeException
                ? new TooLarge(what, bytes, topic, cause)
                : of(what + " was not sent", cause);
    }

    /** Restores the interrupt flag of the thread. */
    static ClientException interrupted(InterruptedException e) {
        Thread.currentThread().interrupt();
        return new Failed("the thread was interrupted while it waited for Kafka", e);
    }
}
