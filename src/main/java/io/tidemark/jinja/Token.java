package io.tidemark.jinja;

/**
 * A token of a template's source.
 *
 * @param text the value of a string, the spelling of an operator, name or number, or text outside of tags; else empty
 * @param line the line number, counted from 1
 */
record Token(Kind kind, String text, int line) {

    enum Kind {
        TEXT,
        PRINT_BEGIN,
        PRINT_END,
        TAG_BEGIN,
        TAG_END,
        NAME,
        STRING,
        INTEGER,
        FLOAT,
        OPERATOR,
        END
    }

    boolean is(Kind expected) {
        return kind == expected;
    }

    boolean isOperator(String spelling) {
        return kind == Kind.OPERATOR && text.equals(spelling);
    }

    boolean isName(String name) {
        return kind == Kind.NAME && text.equals(name);
    }

    /** The token for error messages. */
    String description() {
        return switch (kind) {
            case TAG_END, PRINT_END -> "the end of the tag";
            case END -> "the end of the template";
            default -> "'" + text + "'";
        };
    }
}
