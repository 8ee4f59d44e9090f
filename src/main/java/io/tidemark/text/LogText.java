package io.tidemark.text;

/**
 * Text from clients for log lines. A log statement that contains an id, a key or another value of a record passes it
 * through {@link #of}, so that a client can neither add lines to the log nor hide or reorder parts of a line.
 */
public final class LogText {

    /** The maximum length of a text in a log line, in UTF-16 units, without the ellipsis. Ids are no longer. */
    private static final int MAX_LENGTH = 256;

    private LogText() {}

    /**
     * Escapes as in a Java string: control and format characters, line and paragraph separators, unpaired surrogates,
     * unassigned and private characters, and backslashes. A longer text is cut and ends in an ellipsis; null is the
     * text {@code null}.
     */
    public static String of(String value) {
        if (value == null) {
            return "null";
        }
        StringBuilder text = new StringBuilder(Math.min(value.length(), MAX_LENGTH));
        for (int i = 0; i < value.length(); ) {
            int character = value.codePointAt(i);
            int units = Character.charCount(character);
            String shown = shown(character);
            if (text.length() + shown.length() > MAX_LENGTH) {
                return text.append('…').toString();
            }
            text.append(shown);
            i += units;
        }
        return text.toString();
    }

    private static String shown(int character) {
        return switch (character) {
            case '\n' -> "\\n";
            case '\r' -> "\\r";
            case '\t' -> "\\t";
            case '\\' -> "\\\\";
            default -> isVisible(character) ? Character.toString(character) : escape(character);
        };
    }

    private static boolean isVisible(int character) {
        return switch (Character.getType(character)) {
            case Character.CONTROL,
                    Character.FORMAT,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR,
                    Character.SURROGATE,
                    Character.UNASSIGNED,
                    Character.PRIVATE_USE -> false;
            default -> true;
        };
    }

    private static String escape(int character) {
        StringBuilder escaped = new StringBuilder();
        for (char unit : Character.toChars(character)) {
            escaped.append(String.format("\\u%04x", (int) unit));
        }
        return escaped.toString();
    }
}
