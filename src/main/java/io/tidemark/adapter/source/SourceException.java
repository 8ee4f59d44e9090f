package io.tidemark.adapter.source;

import java.util.Locale;

/**
 * An adapter can't be had from its source. The message names the source, where it helps the file, and what to do. It
 * never contains a secret or a signed address, so that it may be logged and shown.
 */
public final class SourceException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    private static final int MAX_CHARACTERS = 2_000;

    private final Failure failure;

    public SourceException(Failure failure, String message) {
        super(shortened(message));
        this.failure = failure;
    }

    SourceException(Failure failure, String message, Throwable cause) {
        super(shortened(message), cause);
        this.failure = failure;
    }

    /** Why the adapter can't be had. */
    public Failure failure() {
        return failure;
    }

    /** Whether the same call may succeed later without a change of the source or of the settings. */
    public boolean isTemporary() {
        return failure.isTemporary();
    }

    private static String shortened(String message) {
        return message.length() <= MAX_CHARACTERS ? message : message.substring(0, MAX_CHARACTERS) + "…";
    }

    /** The kinds of failures. Their labels are stable: metrics and records show them. */
    public enum Failure {
        /** No prefix in the settings allows the source. */
        NOT_ALLOWED(false),
        /** The text is no URI of a source. */
        INVALID_SOURCE(false),
        /** A {@code file:} source, or a link in it, leads out of the root folder. */
        OUTSIDE_ROOT(false),
        /** The source does not exist, or has no adapter. */
        NOT_FOUND(false),
        /** The adapter exists as a pickle only. */
        PICKLE(false),
        /** The bytes have another digest than the one that was asked for. */
        WRONG_DIGEST(false),
        /** The connection ended before the file did. */
        TRUNCATED(true),
        /** The adapter is above the limit of bytes. */
        TOO_LARGE(false),
        /** The download did not end within its time limit. */
        TOO_SLOW(true),
        /** The server redirects to an address that the settings do not allow. */
        REDIRECTED(false),
        /** The server requires other credentials. */
        DENIED(false),
        /** The server can't be reached, or answers that it can't serve now. */
        UNREACHABLE(true),
        /** The server gives an answer that is not of its protocol. */
        INVALID_ANSWER(false),
        /** The cache folder has no space left. */
        DISK_FULL(true),
        /** A file of this machine can't be read or written. */
        UNREADABLE(false),
        /** The process ends. */
        CLOSED(true);

        private final boolean temporary;

        Failure(boolean temporary) {
            this.temporary = temporary;
        }

        /** The name in metrics and records, such as {@code wrong_digest}. */
        public String label() {
            return name().toLowerCase(Locale.ROOT);
        }

        /** Whether a later attempt may succeed without a change of the source or of the settings. */
        public boolean isTemporary() {
            return temporary;
        }
    }
}
