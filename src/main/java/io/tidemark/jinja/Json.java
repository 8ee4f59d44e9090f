package io.tidemark.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** The filter {@code tojson} as transformers defines it: Python's {@code json.dumps}, spaces and all. */
final class Json {

    private final boolean asciiOnly;
    private final boolean sorted;
    private final String indent;
    private final boolean lines;
    private final String comma;
    private final String colon;

    private Json(Map<String, Object> options) {
        Object given = options.getOrDefault("indent", None.NONE);
        this.asciiOnly = Values.isTrue(options.getOrDefault("ensure_ascii", false));
        this.sorted = Values.isTrue(options.getOrDefault("sort_keys", false));
        this.lines = !(given instanceof None);
        this.indent = given instanceof String text
                ? text
                : lines ? " ".repeat((int) Math.max(0, Values.integer(given, "tojson's indent"))) : "";
        Object separators = options.getOrDefault("separators", None.NONE);
        List<Object> pair =
                separators instanceof None ? List.of(lines ? "," : ", ", ": ") : Values.elements(separators);
        if (pair.size() != 2) {
            throw JinjaException.because("tojson's separators must be two strings");
        }
        this.comma = Values.string(pair.get(0), "tojson's separator");
        this.colon = Values.string(pair.get(1), "tojson's separator");
    }

    static String written(Object value, Arguments options) {
        StringBuilder out = new StringBuilder();
        new Json(options.bound("tojson", 0, "ensure_ascii", "indent", "separators", "sort_keys"))
                .write(value, "\n", out);
        return out.toString();
    }

    private void write(Object any, String line, StringBuilder out) {
        Object value = Markup.plain(any);
        if (value instanceof String text) {
            quote(text, out);
        } else if (value instanceof Map<?, ?> map) {
            write(map, line, out);
        } else if (value instanceof List || value instanceof Tuple) {
            write(Values.elements(value), line, out);
        } else {
            out.append(scalar(value));
        }
    }

    private String scalar(Object value) {
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
            return Printed.representation(value);
        }
        throw JinjaException.because("a value of type '" + Values.type(value) + "' can't be written as JSON");
    }

    private void write(List<Object> list, String line, StringBuilder out) {
        String inner = line + indent;
        out.append('[');
        for (int i = 0; i < list.size(); i++) {
            out.append(i == 0 ? "" : comma).append(lines ? inner : "");
            write(list.get(i), inner, out);
        }
        out.append(lines && !list.isEmpty() ? line : "").append(']');
    }

    private void write(Map<?, ?> map, String line, StringBuilder out) {
        String inner = line + indent;
        List<Object> keys = new ArrayList<>(map.keySet());
        if (sorted) {
            keys.sort(Comparison::order);
        }
        out.append('{');
        for (int i = 0; i < keys.size(); i++) {
            Object key = keys.get(i);
            out.append(i == 0 ? "" : comma).append(lines ? inner : "");
            quote(key instanceof String text ? text : scalar(key), out);
            out.append(colon);
            write(map.get(key), inner, out);
        }
        out.append(lines && !keys.isEmpty() ? line : "").append('}');
    }

    private void quote(String text, StringBuilder out) {
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
