package io.tidemark.jinja;

/**
 * A template can't be parsed or rendered. Messages name types, names and lines, never values, which may be a sender's
 * text; only what the template itself raised is passed on in its own words.
 */
public final class JinjaException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    private final int line;
    private final boolean raised;

    private JinjaException(String message, int line, boolean raised) {
        super(message);
        this.line = line;
        this.raised = raised;
    }

    static JinjaException because(String reason) {
        return new JinjaException(reason, 0, false);
    }

    /** What the template's call of {@code raise_exception} said. */
    static JinjaException raised(String words) {
        return new JinjaException(words, 0, true);
    }

    static JinjaException at(int line, String reason) {
        return because(reason).in(line);
    }

    /** The same failure with its line, unless it has one: the innermost statement's counts. */
    JinjaException in(int where) {
        if (line > 0) {
            return this;
        }
        JinjaException placed =
                new JinjaException(raised ? getMessage() : "line " + where + ": " + getMessage(), where, raised);
        placed.setStackTrace(getStackTrace());
        return placed;
    }

    /** Whether the template refused what it was given, in its own words. */
    public boolean isRaised() {
        return raised;
    }
}
