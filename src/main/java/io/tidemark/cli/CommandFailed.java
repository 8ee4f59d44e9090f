package io.tidemark.cli;

/** A command can't do what it was asked to; the message is one line that says what was wrong and what to do. */
public final class CommandFailed extends RuntimeException {

    private static final long serialVersionUID = 1L;

    public CommandFailed(String message) {
        super(message);
    }

    public CommandFailed(String message, Throwable cause) {
        super(message, cause);
    }
}
