package io.tidemark.jinja;

/**
 * A piece of a template's source.
 *
 * @param text what it says: a string's value, an operator's or name's spelling, or text outside of tags
 * @param line counted from 1
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

    boolean is(Kind wanted) {
        return kind == wanted;
    }

    boolean isOperator(String spelling) {
        return kind == Kind.OPERATOR && text.equals(spelling);
    }

    boolean isName(String name) {
        return kind == Kind.NAME && text.equals(name);
    }

    String words() {
        return kind == Kind.END ? "the end of the template" : "'" + text + "'";
    }
}
