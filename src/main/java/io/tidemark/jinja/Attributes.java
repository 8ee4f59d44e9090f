package io.tidemark.jinja;

import io.tidemark.jinja.PyObject.LazySequence;
import io.tidemark.jinja.PyObject.LoopContext;
import io.tidemark.jinja.PyObject.Namespace;
import io.tidemark.jinja.PyObject.None;
import io.tidemark.jinja.PyObject.Tuple;
import io.tidemark.jinja.PyObject.Undefined;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** Attribute access, subscripts and slices. The result for a missing attribute or element is {@link Undefined}. */
final class Attributes {

    private Attributes() {}

    /** {@code value.name}: an attribute; if there is none, the element with this key. */
    static Object attribute(Object value, String name) {
        Values.requireDefined(value);
        return find(value, name)
                .or(() -> element(value, name))
                .orElseGet(() -> missing(value, "attribute '" + name + "'"));
    }

    /** {@code value[key]}: an element; if there is none, the attribute with this name. */
    static Object subscript(Object value, Object key) {
        Values.requireDefined(value);
        return element(value, key)
                .or(() -> key instanceof String name ? find(value, name) : Optional.empty())
                .orElseGet(
                        () -> missing(value, key instanceof String name ? "attribute '" + name + "'" : "such element"));
    }

    /** An element's attribute by a path as filters take it: an index, a name, or several of them separated by dots. */
    static Object byPath(Object element, Object path) {
        if (path instanceof Long) {
            return subscript(element, path);
        }
        Object found = element;
        for (String part : Values.string(path, "an attribute").split("\\.", -1)) {
            found = subscript(found, part.matches("\\d+") ? (Object) Long.parseLong(part) : part);
        }
        return found;
    }

    private static Undefined missing(Object value, String description) {
        return new Undefined("'" + Values.type(value) + "' object has no " + description);
    }

    private static Optional<Object> find(Object value, String name) {
        if (value instanceof Namespace namespace) {
            return Optional.ofNullable(namespace.attributes().get(name));
        }
        return value instanceof LoopContext loop
                ? loop.attribute(name)
                : Methods.find(value, name).map(method -> method);
    }

    private static Optional<Object> element(Object value, Object key) {
        if (value instanceof Map<?, ?> map) {
            return Optional.ofNullable(map.get(key));
        }
        boolean indexed = value instanceof String
                || value instanceof List
                || value instanceof Tuple
                || value instanceof LazySequence sequence && sequence.indexed();
        if (!indexed || !Values.isInteger(key)) {
            return Optional.empty();
        }
        List<Object> elements = Values.elements(value);
        long index = Values.integer(key, "an index");
        long at = index < 0 ? index + elements.size() : index;
        return at < 0 || at >= elements.size() ? Optional.empty() : Optional.of(elements.get((int) at));
    }

    /** {@code value[start:stop:step]}; each bound may be {@code None}. */
    static Object slice(Object value, Object start, Object stop, Object step) {
        Values.requireDefined(value);
        if (!(value instanceof String || value instanceof List || value instanceof Tuple)) {
            // as in Jinja, this is no error until the result is used
            return new Undefined("'" + Values.type(value) + "' object cannot be sliced");
        }
        List<Object> slice = slice(
                Values.elements(value),
                start,
                stop,
                step instanceof None ? 1 : Values.integer(step, "the step of a slice"));
        if (value instanceof String) {
            return slice.stream().map(Object::toString).collect(Collectors.joining());
        }
        return value instanceof Tuple ? new Tuple(slice) : slice;
    }

    private static List<Object> slice(List<Object> elements, Object start, Object stop, long step) {
        if (step == 0) {
            throw new JinjaException("the step of a slice must not be zero");
        }
        long size = elements.size();
        long lowest = step > 0 ? 0 : -1;
        long highest = step > 0 ? size : size - 1;
        long begin = start instanceof None ? (step > 0 ? lowest : highest) : clamp(start, size, lowest, highest);
        long end = stop instanceof None ? (step > 0 ? highest : lowest) : clamp(stop, size, lowest, highest);
        List<Object> slice = new ArrayList<>();
        for (long i = begin; step > 0 ? i < end : i > end; i += step) {
            slice.add(elements.get((int) i));
        }
        return slice;
    }

    private static long clamp(Object bound, long size, long lowest, long highest) {
        long index = Values.integer(bound, "a bound of a slice");
        return Math.max(lowest, Math.min(highest, index < 0 ? index + size : index));
    }
}
