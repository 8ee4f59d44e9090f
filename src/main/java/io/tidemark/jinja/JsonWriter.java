package io.tidemark.jinja;

import io.tidemark.jinja.PyObject.Markup;
import io.tidemark.jinja.PyObject.None;
import io.tidemark.jinja.PyObject.Tuple;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The filter {@code tojson} of transformers: Python's {@code json.dumps} with its white space, without HTML escapes.
 */
final class JsonWriter {

    private final boolean asciiOnly;
    private final boolean sortKeys;
    private final boolean multiline;
    private final String indent;
    private final String comma;
    private final String colon;
    private final StringBuilder out = new StringBuilder();

    private JsonWriter(Map<String, Object> options) {
        Object given = options.getOrDefault("indent", None.NONE);
        this.asciiOnly = Values.isTrue(options.getOrDefault("ensure_ascii", false));
        this.sortKeys = Values.isTrue(options.getOrDefault("sort_keys", false));
        this.multiline = !(given instanceof None);
        this.indent = multiline ? indent(given) : "";
        Object separators = options.getOrDefault("separators", None.NONE);
        List<Object> pair =
                separators instanceof None ? List.of(multiline ? "," : ", ", ": ") : Values.elements(separators);
        if (pair.size() != 2) {
            throw new JinjaException("'separators' of 'tojson' must be two strings");
        }
        this.comma = Values.string(pair.get(0), "a separator of 'tojson'");
        this.colon = Values.string(pair.get(1), "a separator of 'tojson'");
    }

    private static String indent(Object given) {
        return given instanceof String text
                ? text
                : " ".repeat((int) Math.max(0, Values.integer(given, "'indent' of 'tojson'")));
    }

    static String write(Object value, Arguments options) {
        JsonWriter writer =
                new JsonWriter(options.bind("filter 'tojson'", 0, "ensure_ascii", "indent", "separators", "sort_keys"));
        writer.write(value, "\n");
        return writer.out.toString();
    }

    /** @param lineStart a newline and the indentation of the current level */
    private void write(Object any, String lineStart) {
        Object value = Markup.unwrap(any);
        if (value instanceof String text) {
            quote(text);
        } else if (value instanceof Map<?, ?> map) {
            writeObject(map, lineStart);
        } else if (value instanceof List || value instanceof Tuple) {
            writeArray(Values.elements(value), lineStart);
        } else {
            out.append(scalar(value));
        }
    }

    private void writeArray(List<Object> list, String lineStart) {
        String inner = lineStart + indent;
        out.append('[');
        for (int i = 0; i < list.size(); i++) {
            out.append(i == 0 ? "" : comma).append(multiline ? inner : "");
            write(list.get(i), inner);
        }
        out.append(multiline && !list.isEmpty() ? lineStart : "").append(']');
    }

    private void writeObject(Map<?, ?> map, String lineStart) {
        String inner = lineStart + indent;
        List<Object> keys = new ArrayList<>(map.keySet());
        if (sortKeys) {
            keys.sort(Operators::order);
        }
        out.append('{');
        for (int i = 0; i < keys.size(); i++) {
            Object key = keys.get(i);
            out.append(i == 0 ? "" : comma).append(multiline ? inner : "");
            quote(key instanceof String text ? text : scalar(key));
            out.append(colon);
            write(map.get(key), inner);
        }
        out.append(multiline && !keys.isEmpty() ? lineStart : "").append('}');
    }

    private static String scalar(Object value) {
        if (value instanceof None) {
            return "null";
        }
        if (value instanceof Boolean) {
            return value.toString();
        }
        if (value instanceof Double number && (number.isNaN() || number.isInfinite())) {
            return number.isNaN() ? "NaN" : number > 0 ? "Infinity" : "-Infinity";
        }
        if (value instanceof Number) {
            return Printer.repr(value);
        }
        throw new JinjaException("a value of type '" + Values.type(value) + "' cannot be written as JSON");
    }

    private void quote(String text) {
        out.append('"');
        for (char c : text.toCharArray()) {
            int simple = "\"\\\n\r\t\b\f".indexOf(c);
            if (simple >= 0) {
                out.append('\\').append("\"\\nrtbf".charAt(simple));
            } else if (c < 0x20 || asciiOnly && c > 0x7e) {
                out.append(String.format("\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        out.append('"');
    }
}
