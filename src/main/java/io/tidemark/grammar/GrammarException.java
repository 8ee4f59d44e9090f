package io.tidemark.grammar;

/**
 * A format that is not enforced: its code says why. The message names keyword and JSON path of a schema, or what is
 * wrong in a regular expression or grammar.
 */
public final class GrammarException extends Exception {

    private static final long serialVersionUID = 1L;

    /** The format needs something that is not supported, or is not valid. */
    public static final String UNSUPPORTED = "unsupported_format";
    /** The format, or the memory of its grammar, is larger than its limit. */
    public static final String TOO_LARGE = "format_too_large";
    /** The format needs more steps than its limit. */
    public static final String TOO_SLOW = "format_too_slow";

    /** The formats in use take the memory that all of them may have. */
    public static final String BUSY = "formats_busy";
    /** The compiler has failed. */
    public static final String FAILED = "grammar_failed";

    private final String code;

    GrammarException(String code, String message) {
        super(message);
        this.code = code;
    }

    /** One of the constants. */
    public String code() {
        return code;
    }

    /** Whether the same format may be accepted later, or by another process. */
    public boolean isOfServer() {
        return code.equals(BUSY) || code.equals(FAILED);
    }
}
