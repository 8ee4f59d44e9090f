package io.tidemark.jinja;

import io.tidemark.jinja.PyObject.LazySequence;
import io.tidemark.jinja.PyObject.Markup;
import io.tidemark.jinja.PyObject.None;
import io.tidemark.jinja.PyObject.Tuple;
import io.tidemark.jinja.PyObject.Undefined;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * The filters of Jinja that chat templates use. A filter of text first converts other values to a string, as in Jinja.
 */
final class Filters {

    @FunctionalInterface
    interface Filter {
        Object apply(Object value, Arguments arguments);
    }

    private static final Set<String> SUPPORT_MARKUP =
            Set.of("safe", "string", "tojson", "length", "count", "default", "d");
    private static final Pattern TITLE_WORD =
            Pattern.compile("[-\\s({\\[<]+|[^-\\s({\\[<]+", Pattern.UNICODE_CHARACTER_CLASS);
    private static final Map<String, Filter> ALL = Map.copyOf(new Filters().filters);

    private final Map<String, Filter> filters = new HashMap<>();

    private Filters() {
        noArguments("length", Values::length);
        noArguments("count", Values::length);
        noArguments("list", value -> new ArrayList<>(Values.elements(value)));
        noArguments("first", value -> firstOrLast(value, true));
        noArguments("last", value -> firstOrLast(value, false));
        noArguments("items", Filters::items);
        noArguments("reverse", Filters::reverse);
        noArguments(
                "sum", value -> Values.elements(value).stream().reduce(0L, (a, b) -> Operators.arithmetic("+", a, b)));
        noArguments("min", value -> extreme(value, Operators::order));
        noArguments("max", value -> extreme(value, (a, b) -> Operators.order(b, a)));
        filters.put("sort", Filters::sort);
        filters.put("dictsort", Filters::sortItems);
        filters.put("unique", Filters::unique);
        filters.put("map", Filters::map);
        filters.put("select", (value, arguments) -> select(value, arguments, true));
        filters.put("reject", (value, arguments) -> select(value, arguments, false));
        filters.put("selectattr", (value, arguments) -> selectByAttribute(value, arguments, true));
        filters.put("rejectattr", (value, arguments) -> selectByAttribute(value, arguments, false));
        filters.put("default", Filters::defaultValue);
        filters.put("d", Filters::defaultValue);

        noArguments("abs", value -> Operators.order(value, 0L) < 0 ? Operators.negate(value) : value);
        filters.put("int", Filters::toInteger);
        filters.put("float", Filters::toFloat);

        noArguments("string", value -> value instanceof Markup ? value : Printer.str(value));
        noArguments("safe", value -> value instanceof Markup ? value : new Markup(Printer.str(value)));
        noArguments("upper", value -> Printer.str(value).toUpperCase(Locale.ROOT));
        noArguments("lower", value -> Printer.str(value).toLowerCase(Locale.ROOT));
        noArguments("capitalize", value -> PythonStrings.capitalize(Printer.str(value)));
        noArguments("title", value -> title(Printer.str(value)));
        filters.put("trim", Filters::trim);
        filters.put("join", Filters::join);
        filters.put("replace", Filters::replace);
        filters.put("indent", Filters::indent);
        filters.put("format", (value, a) -> PythonStrings.format(Printer.str(value), a.positional()));
        filters.put("tojson", JsonWriter::write);
    }

    static Optional<Filter> find(String name) {
        return Optional.ofNullable(ALL.get(name));
    }

    static String unsupported(String name) {
        return "filter '" + name + "' is not supported";
    }

    /**
     * Whether the filter gives Jinja's result for a {@link Markup}; the others would have to escape or to return one.
     */
    static boolean supportsMarkup(String name) {
        return SUPPORT_MARKUP.contains(name);
    }

    private void noArguments(String name, UnaryOperator<Object> filter) {
        filters.put(name, (value, arguments) -> {
            arguments.requireNone("filter '" + name + "'");
            return filter.apply(value);
        });
    }

    private static Object firstOrLast(Object value, boolean first) {
        if (!first && value instanceof LazySequence sequence && !sequence.sized()) {
            throw new JinjaException("'generator' object is not reversible");
        }
        List<Object> elements = Values.elements(value);
        return elements.isEmpty()
                ? new Undefined("an empty sequence has no " + (first ? "first" : "last") + " element")
                : elements.get(first ? 0 : elements.size() - 1);
    }

    private static Object extreme(Object value, Comparator<Object> order) {
        return Values.elements(value).stream()
                .min(order)
                .orElse(new Undefined("an empty sequence has no minimum and no maximum"));
    }

    private static Object items(Object value) {
        if (value instanceof Map<?, ?> map) {
            return LazySequence.generator(Methods.items(map));
        }
        if (value instanceof Undefined) {
            return LazySequence.generator(List.of());
        }
        throw new JinjaException("filter 'items' requires a mapping, not '" + Values.type(value) + "'");
    }

    private static Object reverse(Object value) {
        if (value instanceof String text) {
            return new StringBuilder(text).reverse().toString();
        }
        List<Object> reversed = new ArrayList<>(Values.elements(value));
        Collections.reverse(reversed);
        return LazySequence.generator(reversed);
    }

    private static Object sort(Object value, Arguments arguments) {
        Map<String, Object> bound = arguments.bind("filter 'sort'", 0, "reverse", "case_sensitive", "attribute");
        Comparator<Object> order = (a, b) -> Operators.order(key(a, bound), key(b, bound));
        List<Object> sorted = new ArrayList<>(Values.elements(value));
        sorted.sort(Values.isTrue(bound.getOrDefault("reverse", false)) ? order.reversed() : order);
        return sorted;
    }

    private static Object sortItems(Object value, Arguments arguments) {
        Map<String, Object> bound = arguments.bind("filter 'dictsort'", 0, "case_sensitive", "by", "reverse");
        Map<String, Object> options = Map.of(
                "attribute", "value".equals(bound.getOrDefault("by", "key")) ? 1L : 0L,
                "case_sensitive", bound.getOrDefault("case_sensitive", false),
                "reverse", bound.getOrDefault("reverse", false));
        return sort(Values.elements(items(value)), new Arguments(List.of(), options));
    }

    private static Object unique(Object value, Arguments arguments) {
        Map<String, Object> bound = arguments.bind("filter 'unique'", 0, "case_sensitive", "attribute");
        Set<Object> keys = new HashSet<>();
        List<Object> unique = new ArrayList<>();
        for (Object element : Values.elements(value)) {
            if (keys.add(hashable(key(element, bound)))) {
                unique.add(element);
            }
        }
        return LazySequence.generator(unique);
    }

    /** A value that is equal in Java if the given one is equal in Python. As in Python, lists and maps have none. */
    private static Object hashable(Object key) {
        Object value = Markup.unwrap(key);
        if (value instanceof List || value instanceof Map) {
            throw new JinjaException("unhashable type: '" + Values.type(value) + "'");
        }
        if (value instanceof Tuple tuple) {
            return new Tuple(tuple.elements().stream().map(Filters::hashable).toList());
        }
        if (value instanceof Boolean bool) {
            return bool ? 1L : 0L;
        }
        return value instanceof Double real && real == Math.rint(real) && Math.abs(real) < Long.MAX_VALUE
                ? (Object) (long) (double) real
                : value;
    }

    /**
     * What {@code sort} and {@code unique} compare, by their parameters {@code attribute} and {@code case_sensitive}.
     */
    private static Object key(Object element, Map<String, Object> bound) {
        Object attribute = bound.getOrDefault("attribute", None.NONE);
        Object key = attribute instanceof None ? element : Attributes.byPath(element, attribute);
        boolean caseSensitive = Values.isTrue(bound.getOrDefault("case_sensitive", false));
        return key instanceof String text && !caseSensitive ? text.toLowerCase(Locale.ROOT) : key;
    }

    private static Object map(Object value, Arguments arguments) {
        UnaryOperator<Object> function;
        if (arguments.positional().isEmpty()) {
            Map<String, Object> bound = arguments.bind("filter 'map'", 0, "attribute", "default");
            if (!bound.containsKey("attribute")) {
                throw new JinjaException("filter 'map' requires a filter or an attribute");
            }
            function = element -> {
                Object found = Attributes.byPath(element, bound.get("attribute"));
                return found instanceof Undefined ? bound.getOrDefault("default", found) : found;
            };
        } else {
            String name = Values.string(arguments.positional().get(0), "the name of a filter");
            Filter filter = find(name).orElseThrow(() -> new JinjaException(unsupported(name)));
            function = element -> filter.apply(element, arguments.rest());
        }
        List<Object> mapped = new ArrayList<>();
        elementsIfTrue(value).forEach(element -> mapped.add(function.apply(element)));
        return LazySequence.generator(mapped);
    }

    private static Object select(Object value, Arguments arguments, boolean expected) {
        return select(value, test(arguments), expected);
    }

    private static Object selectByAttribute(Object value, Arguments arguments, boolean expected) {
        if (arguments.positional().isEmpty()) {
            throw new JinjaException("filters 'selectattr' and 'rejectattr' require the name of an attribute");
        }
        Object attribute = arguments.positional().get(0);
        Predicate<Object> test = test(arguments.rest());
        return select(value, element -> test.test(Attributes.byPath(element, attribute)), expected);
    }

    private static Object select(Object value, Predicate<Object> test, boolean expected) {
        List<Object> selected = new ArrayList<>();
        for (Object element : elementsIfTrue(value)) {
            if (test.test(element) == expected) {
                selected.add(element);
            }
        }
        return LazySequence.generator(selected);
    }

    /** The test whose name is the first argument; truth when there is none. */
    private static Predicate<Object> test(Arguments arguments) {
        if (arguments.positional().isEmpty()) {
            return Values::isTrue;
        }
        String name = Values.string(arguments.positional().get(0), "the name of a test");
        ValueTests.ValueTest test =
                ValueTests.find(name).orElseThrow(() -> new JinjaException(ValueTests.unsupported(name)));
        return element -> test.holds(element, arguments.rest());
    }

    /**
     * The elements of a value, none if it is false. As in Jinja, {@code map} and {@code select} accept {@code None}.
     */
    private static List<Object> elementsIfTrue(Object value) {
        return Values.isTrue(value) ? Values.elements(value) : List.of();
    }

    private static Object defaultValue(Object value, Arguments arguments) {
        Map<String, Object> bound = arguments.bind("filter 'default'", 0, "default_value", "boolean");
        boolean missing = value instanceof Undefined
                || Values.isTrue(bound.getOrDefault("boolean", false)) && !Values.isTrue(value);
        return missing ? bound.getOrDefault("default_value", "") : value;
    }

    private static Object toInteger(Object value, Arguments arguments) {
        Object defaultValue = arguments.bind("filter 'int'", 0, "default").getOrDefault("default", 0L);
        Object real = value instanceof Boolean || value instanceof Long ? value : toFloat(value, Arguments.NONE);
        if (value instanceof String text
                && !text.strip().matches("[-+]?\\d++(_\\d++)*+|[-+]?(\\d++(\\.\\d*+)?+|\\.\\d++)([eE][-+]?\\d++)?")) {
            return defaultValue;
        }
        boolean none = value instanceof None || value instanceof List || value instanceof Map || value instanceof Tuple;
        return none ? defaultValue : (Object) (long) Values.real(real);
    }

    private static Object toFloat(Object value, Arguments arguments) {
        Object defaultValue = arguments.bind("filter 'float'", 0, "default").getOrDefault("default", 0.0);
        if (Values.isNumber(Values.requireDefined(value))) {
            return Values.real(value);
        }
        boolean number = value instanceof String text
                && text.strip().matches("[-+]?(\\d++(_\\d++)*+(\\.\\d*+)?+|\\.\\d++)([eE][-+]?\\d++)?");
        return number ? Double.parseDouble(((String) value).strip().replace("_", "")) : defaultValue;
    }

    private static Object trim(Object value, Arguments arguments) {
        Object characters = arguments.bind("filter 'trim'", 0, "chars").getOrDefault("chars", None.NONE);
        return PythonStrings.strip(Printer.str(value), characters, true, true);
    }

    /**
     * Unlike {@code str.title}, Jinja's filter begins a word only after white space, a hyphen or an opening bracket.
     */
    private static String title(String text) {
        Matcher word = TITLE_WORD.matcher(text);
        StringBuilder title = new StringBuilder();
        while (word.find()) {
            title.append(PythonStrings.capitalize(word.group()));
        }
        return title.toString();
    }

    private static Object join(Object value, Arguments arguments) {
        Map<String, Object> bound = arguments.bind("filter 'join'", 0, "d", "attribute");
        Object attribute = bound.getOrDefault("attribute", None.NONE);
        return Values.elements(value).stream()
                .map(each -> Printer.str(attribute instanceof None ? each : Attributes.byPath(each, attribute)))
                .collect(Collectors.joining(Printer.str(bound.getOrDefault("d", ""))));
    }

    private static Object replace(Object value, Arguments arguments) {
        Map<String, Object> bound = arguments.bind("filter 'replace'", 2, "old", "new", "count");
        Object count = bound.getOrDefault("count", None.NONE);
        return PythonStrings.replace(
                Printer.str(value),
                Printer.str(bound.get("old")),
                Printer.str(bound.get("new")),
                count instanceof None ? -1 : Values.integer(count, "'count'"));
    }

    private static Object indent(Object value, Arguments arguments) {
        Map<String, Object> bound = arguments.bind("filter 'indent'", 0, "width", "first", "blank");
        Object width = bound.getOrDefault("width", 4L);
        String indent = width instanceof String text
                ? text
                : " ".repeat((int) Math.max(0, Values.integer(width, "'width' of 'indent'")));
        boolean blank = Values.isTrue(bound.getOrDefault("blank", false));
        List<Object> lines = PythonStrings.lines(Printer.str(value) + "\n", false);
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < lines.size(); i++) {
            String line = (String) lines.get(i);
            boolean indented = i == 0 ? Values.isTrue(bound.getOrDefault("first", false)) : blank || !line.isEmpty();
            text.append(i == 0 ? "" : "\n").append(indented ? indent : "").append(line);
        }
        return text.toString();
    }
}
