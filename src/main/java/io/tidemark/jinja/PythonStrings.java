package io.tidemark.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.IntPredicate;

/** What Python means by white space, by stripping and by splitting a string, and by its letters' case. */
final class PythonStrings {

    private PythonStrings() {}

    /** What {@code str.isspace} says. */
    static boolean isSpace(int c) {
        return Character.isWhitespace(c) || Character.isSpaceChar(c) || c == 0x85;
    }

    static String rightStripped(String text) {
        return stripped(text, Optional.empty(), false, true);
    }

    /** Without the given characters at its ends, or without white space. */
    static String stripped(String text, Optional<String> characters, boolean left, boolean right) {
        IntPredicate unwanted = characters
                .<IntPredicate>map(given -> c -> given.indexOf(c) >= 0)
                .orElse(PythonStrings::isSpace);
        int from = 0;
        int to = text.length();
        while (left && from < to && unwanted.test(text.codePointAt(from))) {
            from += Character.charCount(text.codePointAt(from));
        }
        while (right && to > from && unwanted.test(text.codePointBefore(to))) {
            to -= Character.charCount(text.codePointBefore(to));
        }
        return text.substring(from, to);
    }

    /** The words between white space. @param most cuts to make at most, negative for all */
    static List<Object> words(String text, long most) {
        List<Object> words = new ArrayList<>();
        String rest = stripped(text, Optional.empty(), true, false);
        while (!rest.isEmpty()) {
            int end = 0;
            while (end < rest.length() && !isSpace(rest.codePointAt(end))) {
                end += Character.charCount(rest.codePointAt(end));
            }
            if (most >= 0 && words.size() == most) {
                words.add(rest);
                break;
            }
            words.add(rest.substring(0, end));
            rest = stripped(rest.substring(end), Optional.empty(), true, false);
        }
        return words;
    }

    static List<Object> split(String text, String separator, long most) {
        requireSeparator(separator);
        List<Object> parts = new ArrayList<>();
        int from = 0;
        for (int at = text.indexOf(separator); at >= 0 && parts.size() != most; at = text.indexOf(separator, from)) {
            parts.add(text.substring(from, at));
            from = at + separator.length();
        }
        parts.add(text.substring(from));
        return parts;
    }

    /** Cuts from the right. */
    static List<Object> splitRight(String text, String separator, long most) {
        requireSeparator(separator);
        List<Object> parts = new ArrayList<>();
        int to = text.length();
        while (parts.size() != most) {
            int at = text.substring(0, to).lastIndexOf(separator);
            if (at < 0) {
                break;
            }
            parts.add(0, text.substring(at + separator.length(), to));
            to = at;
        }
        parts.add(0, text.substring(0, to));
        return parts;
    }

    private static void requireSeparator(String separator) {
        if (separator.isEmpty()) {
            throw JinjaException.because("a text can't be split at an empty separator");
        }
    }

    static List<Object> lines(String text, boolean withEnds) {
        List<Object> lines = new ArrayList<>();
        int from = 0;
        for (int at = 0; at < text.length(); at++) {
            if ("\n\r\u000b\f\u001c\u001d\u001e\u0085\u2028\u2029".indexOf(text.charAt(at)) >= 0) {
                int end = text.startsWith("\r\n", at) ? at + 2 : at + 1;
                lines.add(text.substring(from, withEnds ? end : at));
                from = end;
                at = end - 1;
            }
        }
        if (from < text.length()) {
            lines.add(text.substring(from));
        }
        return lines;
    }

    static String replaced(String text, String old, String by, long most) {
        if (most < 0) {
            return text.replace(old, by);
        }
        StringBuilder replaced = new StringBuilder();
        int from = 0;
        long left = most;
        for (int at = text.indexOf(old); at >= 0 && left > 0 && !old.isEmpty(); at = text.indexOf(old, from), left--) {
            replaced.append(text, from, at).append(by);
            from = at + old.length();
        }
        return replaced.append(text.substring(from)).toString();
    }

    static String capitalized(String text) {
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

    static boolean isCased(int c) {
        return Character.isUpperCase(c) || Character.isLowerCase(c) || Character.isTitleCase(c);
    }
}
