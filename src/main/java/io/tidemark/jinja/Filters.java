package io.tidemark.jinja;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** The filters of Jinja that chat templates use. */
final class Filters {

    private static final Map<String, Filter> ALL = all();

    private Filters() {}

    static Optional<Filter> find(String name) {
        return Optional.ofNullable(ALL.get(name));
    }

    private static Map<String, Filter> all() {
        Map<String, Filter> all = new HashMap<>(TextFilters.ALL);
        all.putAll(SelectFilters.ALL);
        all.put("tojson", Json::written);
        all.put("length", (value, a) -> plain(Values.length(value), a));
        all.put("count", all.get("length"));
        all.put("list", (value, a) -> plain(new ArrayList<>(Values.elements(value)), a));
        all.put("first", (value, a) -> plain(end(value, true), a));
        all.put("last", (value, a) -> plain(end(value, false), a));
        all.put("items", (value, a) -> plain(items(value), a));
        all.put("default", Filters::otherwise);
        all.put("d", Filters::otherwise);
        all.put("int", Filters::integer);
        all.put("float", Filters::real);
        all.put(
                "abs",
                (value, a) ->
                        plain(Values.isTrue(Comparison.order(value, 0L) < 0) ? Operators.negated(value) : value, a));
        all.put("reverse", (value, a) -> plain(reversed(value), a));
        all.put("sort", Filters::sorted);
        all.put("dictsort", Filters::dictionarySorted);
        all.put(
                "sum",
                (value, a) ->
                        plain(Values.elements(value).stream().reduce(0L, (x, y) -> Operators.apply("+", x, y)), a));
        all.put(
                "min",
                (value, a) -> plain(
                        Values.elements(value).stream()
                                .min(Comparison::order)
                                .orElse(Undefined.because("nothing has no minimum")),
                        a));
        all.put(
                "max",
                (value, a) -> plain(
                        Values.elements(value).stream()
                                .max(Comparison::order)
                                .orElse(Undefined.because("nothing has no maximum")),
                        a));
        return Map.copyOf(all);
    }

    /** A result of a filter that takes no arguments. */
    static Object plain(Object result, Arguments arguments) {
        arguments.bound("the filter", 0);
        return result;
    }

    private static Object end(Object value, boolean first) {
        if (!first && value instanceof Elements given && !given.sized()) {
            throw JinjaException.because("'generator' object is not reversible");
        }
        List<Object> elements = Values.elements(value);
        return elements.isEmpty()
                ? Undefined.because("nothing has no " + (first ? "first" : "last") + " element")
                : elements.get(first ? 0 : elements.size() - 1);
    }

    private static Object items(Object value) {
        if (value instanceof Map<?, ?> map) {
            return Elements.generated(DictionaryMethods.items(map));
        }
        if (value instanceof Undefined) {
            return Elements.generated(List.of());
        }
        throw JinjaException.because("'items' needs a mapping, not '" + Values.type(value) + "'");
    }

    private static Object otherwise(Object value, Arguments arguments) {
        Map<String, Object> bound = arguments.bound("default", 0, "default_value", "boolean");
        boolean missing = value instanceof Undefined
                || Values.isTrue(bound.getOrDefault("boolean", false)) && !Values.isTrue(value);
        return missing ? bound.getOrDefault("default_value", "") : value;
    }

    private static Object integer(Object value, Arguments arguments) {
        Object otherwise = arguments.bound("int", 0, "default").getOrDefault("default", 0L);
        Object real = value instanceof Boolean || value instanceof Long ? value : real(value, Arguments.NONE);
        if (value instanceof String text
                && !text.strip().matches("[-+]?\\d+(_\\d+)*|[-+]?(\\d+\\.?\\d*|\\.\\d+)([eE][-+]?\\d+)?")) {
            return otherwise;
        }
        boolean none = value instanceof None || value instanceof List || value instanceof Map || value instanceof Tuple;
        return none ? otherwise : (Object) (long) Numbers.real(real);
    }

    private static Object real(Object value, Arguments arguments) {
        Object otherwise = arguments.bound("float", 0, "default").getOrDefault("default", 0.0);
        if (value instanceof Undefined missing) {
            throw missing.used();
        }
        if (Values.isNumber(value)) {
            return Numbers.real(value);
        }
        boolean number = value instanceof String text
                && text.strip().matches("[-+]?(\\d+(_\\d+)*\\.?\\d*|\\.\\d+)([eE][-+]?\\d+)?");
        return number ? Double.parseDouble(((String) value).strip().replace("_", "")) : otherwise;
    }

    private static Object reversed(Object value) {
        if (value instanceof String text) {
            StringBuilder reversed = new StringBuilder(text);
            return reversed.reverse().toString();
        }
        List<Object> reversed = new ArrayList<>(Values.elements(value));
        java.util.Collections.reverse(reversed);
        return Elements.generated(reversed);
    }

    private static Object sorted(Object value, Arguments arguments) {
        Map<String, Object> bound = arguments.bound("sort", 0, "reverse", "case_sensitive", "attribute");
        boolean exact = Values.isTrue(bound.getOrDefault("case_sensitive", false));
        Object attribute = bound.getOrDefault("attribute", None.NONE);
        Comparator<Object> order = (a, b) -> Comparison.order(key(a, attribute, exact), key(b, attribute, exact));
        List<Object> sorted = new ArrayList<>(Values.elements(value));
        sorted.sort(Values.isTrue(bound.getOrDefault("reverse", false)) ? order.reversed() : order);
        return sorted;
    }

    private static Object key(Object element, Object attribute, boolean exact) {
        Object key = attribute instanceof None ? element : SelectFilters.attribute(element, attribute);
        return key instanceof String text && !exact ? text.toLowerCase(Locale.ROOT) : key;
    }

    private static Object dictionarySorted(Object value, Arguments arguments) {
        Map<String, Object> bound = arguments.bound("dictsort", 0, "case_sensitive", "by", "reverse");
        boolean byValue = "value".equals(bound.getOrDefault("by", "key"));
        List<Object> items = Values.elements(items(value));
        Map<String, Object> options = Map.of(
                "attribute",
                byValue ? 1L : 0L,
                "case_sensitive",
                bound.getOrDefault("case_sensitive", false),
                "reverse",
                bound.getOrDefault("reverse", false));
        return sorted(items, new Arguments(List.of(), options));
    }
}
