package io.tidemark.model;

import java.beans.FeatureDescriptor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.function.IntPredicate;
import jinjava.javax.el.ELContext;
import jinjava.javax.el.ELResolver;
import jinjava.javax.el.MethodNotFoundException;

/** The methods that Python's strings have, for templates that call them. Java's would mean something else, or nothing. */
final class PythonStrings extends ELResolver {

    @Override
    public Object invoke(ELContext context, Object base, Object method, Class<?>[] types, Object[] arguments) {
        if (!(base instanceof String text)) {
            return null;
        }
        context.setPropertyResolved(true);
        List<Object> given = arguments == null ? List.of() : Arrays.asList(arguments);
        return given.isEmpty() ? plain(text, method.toString()) : with(text, method.toString(), given);
    }

    private static Object plain(String text, String method) {
        return switch (method) {
            case "strip" -> strip(text, PythonStrings::isSpace, true, true);
            case "lstrip" -> strip(text, PythonStrings::isSpace, true, false);
            case "rstrip" -> strip(text, PythonStrings::isSpace, false, true);
            case "split" -> words(text);
            case "upper" -> text.toUpperCase(Locale.ROOT);
            case "lower" -> text.toLowerCase(Locale.ROOT);
            case "title" -> title(text);
            case "capitalize" -> text.isEmpty() ? text : title(text.substring(0, 1)) + text.substring(1).toLowerCase(Locale.ROOT);
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
                case "strip" -> strip(text, among, true, true);
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

    @Override
    public Object getValue(ELContext context, Object base, Object property) {
        return null;
    }

    @Override
    public Class<?> getType(ELContext context, Object base, Object property) {
        return null;
    }

    @Override
    public void setValue(ELContext context, Object base, Object property, Object value) {
        // Strings have nothing to set; the next resolver says so.
    }

    @Override
    public boolean isReadOnly(ELContext context, Object base, Object property) {
        return true;
    }

    @Override
    public Iterator<FeatureDescriptor> getFeatureDescriptors(ELContext context, Object base) {
        return Collections.emptyIterator();
    }

    @Override
    public Class<?> getCommonPropertyType(ELContext context, Object base) {
        return null;
    }
}
