package io.tidemark.jinja;

/**
 * Thrown when a template cannot be parsed or rendered. Messages contain types, names and line numbers, never values,
 * because values may be a user's text. The only exception is the message that a template passes to
 * {@code raise_exception}.
 */
public final class JinjaException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    /** The line of the template, from 1; 0 when it is not known yet. */
    private final int line;

    private final Cause cause;

    private enum Cause {
        FAILED,
        RAISED,
        INTERRUPTED
    }

    JinjaException(String message) {
        this(message, 0, Cause.FAILED);
    }

    private JinjaException(String message, int line, Cause cause) {
        super(message);
        this.line = line;
        this.cause = cause;
    }

    /** An exception whose message begins with the line number. */
    static JinjaException at(int line, String message) {
        return new JinjaException(message).withLine(line);
    }

    /** The exception of the template's own call of {@code raise_exception}. */
    static JinjaException raised(String message) {
        return new JinjaException(message, 0, Cause.RAISED);
    }

    /** The exception of a rendering that was interrupted. */
    static JinjaException interrupted() {
        return new JinjaException("the rendering was interrupted", 0, Cause.INTERRUPTED);
    }

    /** Adds the line number, unless the exception has one already: the line of the innermost statement is kept. */
    JinjaException withLine(int number) {
        if (line > 0) {
            return this;
        }
        String message = isRaised() ? getMessage() : "line " + number + ": " + getMessage();
        JinjaException located = new JinjaException(message, number, cause);
        located.setStackTrace(getStackTrace());
        return located;
    }

    /** Whether the template called {@code raise_exception}; the message is then exactly the one that it passed. */
    public boolean isRaised() {
        return cause == Cause.RAISED;
    }

    /** Whether the rendering was interrupted. */
    public boolean isInterrupted() {
        return cause == Cause.INTERRUPTED;
    }
}
