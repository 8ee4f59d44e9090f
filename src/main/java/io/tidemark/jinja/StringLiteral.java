package io.tidemark.jinja;

/** A quoted string of a template, with Python's escapes. */
final class StringLiteral {

    private StringLiteral() {}

    static String value(String quoted, int line) {
        StringBuilder value = new StringBuilder();
        int end = quoted.length() - 1;
        for (int at = 1; at < end; at++) {
            char c = quoted.charAt(at);
            if (c != '\\') {
                value.append(c);
                continue;
            }
            at++;
            char escaped = quoted.charAt(at);
            int simple = "\\'\"abfnrtv".indexOf(escaped);
            int digits = escaped == 'x' ? 2 : escaped == 'u' ? 4 : escaped == 'U' ? 8 : 0;
            if (simple >= 0) {
                value.append("\\'\"\u0007\b\f\n\r\t\u000b".charAt(simple));
            } else if (digits > 0) {
                value.appendCodePoint(code(quoted, at + 1, at + 1 + digits, 16, line));
                at += digits;
            } else if (escaped >= '0' && escaped <= '7') {
                int last = at + 1;
                while (last < Math.min(at + 3, end) && quoted.charAt(last) >= '0' && quoted.charAt(last) <= '7') {
                    last++;
                }
                value.appendCodePoint(code(quoted, at, last, 8, line));
                at = last - 1;
            } else if (escaped != '\n') {
                value.append('\\').append(escaped);
            }
        }
        return value.toString();
    }

    private static int code(String quoted, int from, int to, int radix, int line) {
        try {
            int code = Integer.parseInt(quoted.substring(from, Math.min(to, quoted.length() - 1)), radix);
            if (to < quoted.length() && Character.isValidCodePoint(code)) {
                return code;
            }
        } catch (NumberFormatException e) {
            // told below, as every other broken escape
        }
        throw JinjaException.at(line, "a string holds an escape that is broken");
    }
}
