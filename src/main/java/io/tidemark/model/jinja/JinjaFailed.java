package io.tidemark.model.jinja;

/**
 * A template can't be parsed or rendered. Messages name types, names and lines, never values, which may be a sender's
 * text; only what the template itself raised is passed on in its own words.
 */
public final class JinjaFailed extends RuntimeException {

    private static final long serialVersionUID = 1L;

    private final int line;
    private final boolean raised;

    private JinjaFailed(String message, int line, boolean raised) {
        super(message);
        this.line = line;
        this.raised = raised;
    }

    static JinjaFailed because(String reason) {
        return new JinjaFailed(reason, 0, false);
    }

    /** What the template's call of {@code raise_exception} said. */
    static JinjaFailed raised(String words) {
        return new JinjaFailed(words, 0, true);
    }

    static JinjaFailed at(int line, String reason) {
        return because(reason).in(line);
    }

    /** The same failure with its line, unless it has one: the innermost statement's counts. */
    JinjaFailed in(int where) {
        if (line > 0) {
            return this;
        }
        JinjaFailed placed =
                new JinjaFailed(raised ? getMessage() : "line " + where + ": " + getMessage(), where, raised);
        placed.setStackTrace(getStackTrace());
        return placed;
    }

    /** Whether the template refused what it was given, in its own words. */
    public boolean isRaised() {
        return raised;
    }
}
