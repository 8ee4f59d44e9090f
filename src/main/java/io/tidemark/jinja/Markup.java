package io.tidemark.jinja;

/**
 * Text that the filter {@code safe} has passed. Printed and compared it is like other text, but {@code +} escapes what is
 * added to it for HTML: in Jinja that happens with autoescape off too, and templates were made with it.
 */
record Markup(String text) {

    /** Text on either side of {@code +}. */
    static Markup sum(Object left, Object right) {
        return new Markup(escaped(left) + escaped(right));
    }

    private static String escaped(Object side) {
        if (side instanceof Markup safe) {
            return safe.text();
        }
        return Values.string(side, "what is added to safe text")
                .replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("'", "&#39;")
                .replace("\"", "&#34;");
    }

    /** The value as one that knows nothing of being safe. */
    static Object plain(Object value) {
        return value instanceof Markup safe ? safe.text() : value;
    }
}
