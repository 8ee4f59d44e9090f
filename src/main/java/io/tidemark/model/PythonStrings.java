package io.tidemark.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.IntPredicate;
import jinjava.javax.el.MethodNotFoundException;

/** The methods that Python's strings have, as far as chat templates call them. */
final class PythonStrings {

    private PythonStrings() {
    }

    /**
     * Calls a method of a string.
     *
     * @throws MethodNotFoundException when it is none of those that are known here
     */
    static Object call(String text, String method, List<Object> given) {
        return given.isEmpty() ? plain(text, method) : with(text, method, given);
    }

    /** Without the given characters at both ends, or without white space. */
    static String stripped(String text, Optional<String> characters) {
        return strip(text, characters.<IntPredicate>map(given -> c -> given.indexOf(c) >= 0).orElse(PythonStrings::isSpace), true, true);
    }

    private static Object plain(String text, String method) {
        return switch (method) {
            case "strip" -> stripped(text, Optional.empty());
            case "lstrip" -> strip(text, PythonStrings::isSpace, true, false);
            case "rstrip" -> strip(text, PythonStrings::isSpace, false, true);
            case "split" -> words(text);
            case "upper" -> text.toUpperCase(Locale.ROOT);
            case "lower" -> text.toLowerCase(Locale.ROOT);
            case "title" -> title(text);
            default -> throw unknown(method, 0);
        };
    }

    private static Object with(String text, String method, List<Object> given) {
        if (given.size() == 2 && method.equals("replace") && given.get(0) instanceof String old && given.get(1) instanceof String by) {
            return text.replace(old, by);
        }
        if (given.size() == 1 && given.get(0) instanceof String argument) {
            IntPredicate among = c -> argument.indexOf(c) >= 0;
            return switch (method) {
                case "strip" -> stripped(text, Optional.of(argument));
                case "lstrip" -> strip(text, among, true, false);
                case "rstrip" -> strip(text, among, false, true);
                case "split" -> split(text, argument);
                case "startswith" -> text.startsWith(argument);
                case "endswith" -> text.endsWith(argument);
                case "removeprefix" -> text.startsWith(argument) ? text.substring(argument.length()) : text;
                case "removesuffix" -> text.endsWith(argument) ? text.substring(0, text.length() - argument.length()) : text;
                default -> throw unknown(method, 1);
            };
        }
        throw unknown(method, given.size());
    }

    private static String strip(String text, IntPredicate unwanted, boolean left, boolean right) {
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

    private static List<String> words(String text) {
        List<String> words = new ArrayList<>();
        StringBuilder word = new StringBuilder();
        (text + " ").codePoints().forEach(c -> {
            if (!isSpace(c)) {
                word.appendCodePoint(c);
            } else if (!word.isEmpty()) {
                words.add(word.toString());
                word.setLength(0);
            }
        });
        return words;
    }

    private static List<String> split(String text, String separator) {
        if (separator.isEmpty()) {
            throw new IllegalArgumentException("empty separator");
        }
        List<String> parts = new ArrayList<>();
        int from = 0;
        for (int at = text.indexOf(separator); at >= 0; at = text.indexOf(separator, from)) {
            parts.add(text.substring(from, at));
            from = at + separator.length();
        }
        parts.add(text.substring(from));
        return parts;
    }

    private static String title(String text) {
        StringBuilder title = new StringBuilder();
        text.codePoints().forEach(c -> {
            boolean inWord = !title.isEmpty() && Character.isLetter(title.codePointBefore(title.length()));
            title.appendCodePoint(inWord ? Character.toLowerCase(c) : Character.toTitleCase(c));
        });
        return title.toString();
    }

    /** What {@code str.isspace} says. */
    private static boolean isSpace(int c) {
        return Character.isWhitespace(c) || Character.isSpaceChar(c) || c == 0x85;
    }

    private static MethodNotFoundException unknown(String method, int arguments) {
        return new MethodNotFoundException("strings have no method " + method + " with " + arguments + " arguments here");
    }
}
