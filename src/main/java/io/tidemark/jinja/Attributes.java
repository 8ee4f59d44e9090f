package io.tidemark.jinja;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What {@code value.name} and {@code value[key]} are: the first looks for an attribute and then for an element, the second
 * the other way round. What isn't there is undefined.
 */
final class Attributes {

    private Attributes() {}

    static Object attribute(Object value, String name) {
        if (value instanceof Undefined missing) {
            throw missing.used();
        }
        return own(value, name)
                .or(() -> element(value, name))
                .orElseGet(() -> missing(value, "attribute '" + name + "'"));
    }

    static Object subscript(Object value, Object key) {
        if (value instanceof Undefined missing) {
            throw missing.used();
        }
        Optional<Object> found = element(value, key);
        if (found.isEmpty() && key instanceof String name) {
            found = own(value, name);
        }
        return found.orElseGet(
                () -> missing(value, key instanceof String name ? "attribute '" + name + "'" : "such element"));
    }

    private static Undefined missing(Object value, String what) {
        return Undefined.because("'" + Values.type(value) + "' object has no " + what);
    }

    private static Optional<Object> own(Object value, String name) {
        if (value instanceof String text) {
            return StringMethods.find(text, name).map(method -> method);
        }
        if (value instanceof Map<?, ?> map) {
            return DictionaryMethods.find(map, name).map(method -> method);
        }
        if (value instanceof List<?> list) {
            return ListMethods.find(list, name).map(method -> method);
        }
        if (value instanceof Namespace namespace) {
            return Optional.ofNullable(namespace.attributes().get(name));
        }
        return value instanceof LoopState loop ? loop.attribute(name) : Optional.empty();
    }

    private static Optional<Object> element(Object value, Object key) {
        if (value instanceof Map<?, ?> map) {
            return Optional.ofNullable(map.get(key));
        }
        boolean indexed = value instanceof String
                || value instanceof List
                || value instanceof Tuple
                || value instanceof Elements given && given.indexed();
        if (!indexed || !Values.isInteger(key)) {
            return Optional.empty();
        }
        List<Object> elements = Values.elements(value);
        long index = Values.integer(key, "");
        long at = index < 0 ? index + elements.size() : index;
        return at < 0 || at >= elements.size() ? Optional.empty() : Optional.of(elements.get((int) at));
    }
}
