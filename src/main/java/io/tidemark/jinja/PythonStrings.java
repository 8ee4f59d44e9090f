package io.tidemark.jinja;

import io.tidemark.jinja.PyObject.None;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.function.IntPredicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** String operations as in Python: stripping, splitting, replacing, case, and {@code %} formatting. */
final class PythonStrings {

    private static final Pattern FORMAT_FIELD = Pattern.compile("%(.?)", Pattern.DOTALL);

    private PythonStrings() {}

    /** Whether Python's {@code str.isspace} is true for a character. */
    static boolean isSpace(int c) {
        return Character.isWhitespace(c) || Character.isSpaceChar(c) || c == 0x85;
    }

    private static boolean isCased(int c) {
        return Character.isUpperCase(c) || Character.isLowerCase(c) || Character.isTitleCase(c);
    }

    static boolean isLower(String text) {
        return text.equals(text.toLowerCase(Locale.ROOT)) && text.codePoints().anyMatch(PythonStrings::isCased);
    }

    static boolean isUpper(String text) {
        return text.equals(text.toUpperCase(Locale.ROOT)) && text.codePoints().anyMatch(PythonStrings::isCased);
    }

    static String stripRight(String text) {
        return strip(text, PythonStrings::isSpace, false, true);
    }

    /** @param characters a string of the characters to remove, or {@code None} for white space */
    static String strip(String text, Object characters, boolean left, boolean right) {
        if (characters instanceof None) {
            return strip(text, PythonStrings::isSpace, left, right);
        }
        String removed = Values.string(characters, "'chars'");
        return strip(text, c -> removed.indexOf(c) >= 0, left, right);
    }

    private static String strip(String text, IntPredicate removed, boolean left, boolean right) {
        int from = 0;
        int to = text.length();
        while (left && from < to && removed.test(text.codePointAt(from))) {
            from += Character.charCount(text.codePointAt(from));
        }
        while (right && to > from && removed.test(text.codePointBefore(to))) {
            to -= Character.charCount(text.codePointBefore(to));
        }
        return text.substring(from, to);
    }

    /**
     * Splits at white space.
     *
     * @param maxSplit the maximum number of splits; negative for no limit
     */
    static List<Object> words(String text, long maxSplit) {
        List<Object> words = new ArrayList<>();
        int from = skip(text, 0, true);
        while (from < text.length()) {
            if (maxSplit >= 0 && words.size() == maxSplit) {
                words.add(text.substring(from));
                break;
            }
            int end = skip(text, from, false);
            words.add(text.substring(from, end));
            from = skip(text, end, true);
        }
        return words;
    }

    /** The end of the run of white space, or of other characters, that begins at an index. */
    private static int skip(String text, int from, boolean space) {
        int end = from;
        while (end < text.length() && isSpace(text.codePointAt(end)) == space) {
            end += Character.charCount(text.codePointAt(end));
        }
        return end;
    }

    static List<Object> split(String text, String separator, long maxSplit) {
        requireSeparator(separator);
        List<Object> parts = new ArrayList<>();
        int from = 0;
        for (int at = text.indexOf(separator);
                at >= 0 && parts.size() != maxSplit;
                at = text.indexOf(separator, from)) {
            parts.add(text.substring(from, at));
            from = at + separator.length();
        }
        parts.add(text.substring(from));
        return parts;
    }

    /** Splits from the right. */
    static List<Object> splitRight(String text, String separator, long maxSplit) {
        requireSeparator(separator);
        List<Object> parts = new ArrayList<>();
        int to = text.length();
        while (parts.size() != maxSplit) {
            int at = text.lastIndexOf(separator, to - separator.length());
            if (at < 0) {
                break;
            }
            parts.add(text.substring(at + separator.length(), to));
            to = at;
        }
        parts.add(text.substring(0, to));
        Collections.reverse(parts);
        return parts;
    }

    private static void requireSeparator(String separator) {
        if (separator.isEmpty()) {
            throw new JinjaException("empty separator");
        }
    }

    static List<Object> lines(String text, boolean keepEnds) {
        List<Object> lines = new ArrayList<>();
        int from = 0;
        for (int at = 0; at < text.length(); at++) {
            if ("\n\r\u000b\f\u001c\u001d\u001e\u0085\u2028\u2029".indexOf(text.charAt(at)) >= 0) {
                int end = text.startsWith("\r\n", at) ? at + 2 : at + 1;
                lines.add(text.substring(from, keepEnds ? end : at));
                from = end;
                at = end - 1;
            }
        }
        if (from < text.length()) {
            lines.add(text.substring(from));
        }
        return lines;
    }

    /** @param maxCount the maximum number of replacements; negative for no limit */
    static String replace(String text, String old, String replacement, long maxCount) {
        if (maxCount < 0) {
            return text.replace(old, replacement);
        }
        StringBuilder replaced = new StringBuilder();
        int from = 0;
        long left = maxCount;
        for (int at = text.indexOf(old); at >= 0 && left > 0 && !old.isEmpty(); at = text.indexOf(old, from), left--) {
            replaced.append(text, from, at).append(replacement);
            from = at + old.length();
        }
        return replaced.append(text.substring(from)).toString();
    }

    static String capitalize(String text) {
        if (text.isEmpty()) {
            return "";
        }
        int first = text.codePointAt(0);
        String rest = text.substring(Character.charCount(first)).toLowerCase(Locale.ROOT);
        return Character.toString(Character.toTitleCase(first)) + rest;
    }

    static String title(String text) {
        StringBuilder title = new StringBuilder();
        text.codePoints().forEach(c -> {
            boolean inWord = !title.isEmpty() && isCased(title.codePointBefore(title.length()));
            title.appendCodePoint(inWord ? Character.toLowerCase(c) : Character.toTitleCase(c));
        });
        return title.toString();
    }

    /**
     * The operator {@code %} of strings; supports {@code %s}, {@code %d}, {@code %r} and {@code %%}, without options.
     */
    static String format(String format, List<Object> arguments) {
        Iterator<Object> values = arguments.iterator();
        Matcher field = FORMAT_FIELD.matcher(format);
        StringBuilder text = new StringBuilder();
        while (field.find()) {
            String conversion = field.group(1);
            String value = conversion.equals("%") ? "%" : formatField(conversion, values);
            field.appendReplacement(text, Matcher.quoteReplacement(value));
        }
        if (values.hasNext()) {
            throw new JinjaException("too many arguments for the format string");
        }
        return field.appendTail(text).toString();
    }

    private static String formatField(String conversion, Iterator<Object> values) {
        if (!List.of("s", "d", "r").contains(conversion)) {
            throw new JinjaException("the conversion '%" + conversion + "' of a format string is not supported");
        }
        if (!values.hasNext()) {
            throw new JinjaException("not enough arguments for the format string");
        }
        Object value = values.next();
        return switch (conversion) {
            case "s" -> Printer.str(value);
            case "r" -> Printer.repr(value);
            default -> String.valueOf(Values.integer(value, "an argument of '%d'"));
        };
    }
}
