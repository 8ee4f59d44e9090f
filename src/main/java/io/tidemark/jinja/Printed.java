package io.tidemark.jinja;

import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** Values as text: Python's {@code str} and {@code repr}. */
final class Printed {

    private Printed() {}

    static String text(Object value) {
        if (Markup.plain(value) instanceof String text) {
            return text;
        }
        return value instanceof Undefined ? "" : representation(value);
    }

    static String representation(Object value) {
        if (value instanceof String text) {
            return quoted(text);
        }
        if (value instanceof Boolean flag) {
            return flag ? "True" : "False";
        }
        if (value instanceof None) {
            return "None";
        }
        if (value instanceof Double number) {
            return Numbers.written(number);
        }
        if (value instanceof Number) {
            return value.toString();
        }
        if (value instanceof List<?> list) {
            return "[" + joined(list) + "]";
        }
        if (value instanceof Tuple tuple) {
            return "(" + joined(tuple.elements()) + (tuple.elements().size() == 1 ? ",)" : ")");
        }
        if (value instanceof Map<?, ?> map) {
            return map.entrySet().stream()
                    .map(e -> representation(e.getKey()) + ": " + representation(e.getValue()))
                    .collect(Collectors.joining(", ", "{", "}"));
        }
        if (value instanceof Undefined) {
            return "Undefined";
        }
        throw JinjaException.because("a value of type '" + Values.type(value) + "' can't be printed");
    }

    private static String joined(List<?> elements) {
        return elements.stream().map(Printed::representation).collect(Collectors.joining(", "));
    }

    private static String quoted(String text) {
        char quote = text.contains("'") && !text.contains("\"") ? '"' : '\'';
        StringBuilder quoted = new StringBuilder().append(quote);
        text.codePoints().forEach(c -> {
            int simple = "\n\r\t\\".indexOf(c);
            if (simple >= 0) {
                quoted.append('\\').append("nrt\\".charAt(simple));
            } else if (c == quote) {
                quoted.append('\\').append(quote);
            } else if (isPrintable(c)) {
                quoted.appendCodePoint(c);
            } else {
                quoted.append(
                        c < 0x100
                                ? String.format("\\x%02x", c)
                                : c < 0x10000 ? String.format("\\u%04x", c) : String.format("\\U%08x", c));
            }
        });
        return quoted.append(quote).toString();
    }

    /** What {@code str.isprintable} says. */
    private static boolean isPrintable(int c) {
        return c == ' '
                || switch (Character.getType(c)) {
                    case Character.CONTROL,
                            Character.FORMAT,
                            Character.SURROGATE,
                            Character.PRIVATE_USE,
                            Character.UNASSIGNED,
                            Character.LINE_SEPARATOR,
                            Character.PARAGRAPH_SEPARATOR,
                            Character.SPACE_SEPARATOR -> false;
                    default -> true;
                };
    }
}
