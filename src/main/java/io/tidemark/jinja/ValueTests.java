package io.tidemark.jinja;

import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** What can stand behind {@code is}. */
final class ValueTests {

    interface Test {
        boolean holds(Object value, Arguments arguments);
    }

    private interface Comparing {
        boolean holds(Object value, Object other);
    }

    private static final Map<String, Test> ALL = all();

    private ValueTests() {}

    static Optional<Test> find(String name) {
        return Optional.ofNullable(ALL.get(name));
    }

    private static Map<String, Test> all() {
        Map<String, Test> all = new HashMap<>();
        all.put("defined", (value, a) -> plain(!(value instanceof Undefined), a));
        all.put("undefined", (value, a) -> plain(value instanceof Undefined, a));
        all.put("none", (value, a) -> plain(value instanceof None, a));
        all.put("string", (value, a) -> plain(Markup.plain(value) instanceof String, a));
        all.put("mapping", (value, a) -> plain(value instanceof Map, a));
        all.put("sequence", (value, a) -> plain(isSequence(value), a));
        all.put("iterable", (value, a) -> plain(Values.isIterable(value), a));
        all.put("number", (value, a) -> plain(Values.isNumber(value), a));
        all.put("integer", (value, a) -> plain(value instanceof Number && !(value instanceof Double), a));
        all.put("float", (value, a) -> plain(value instanceof Double, a));
        all.put("boolean", (value, a) -> plain(value instanceof Boolean, a));
        all.put("true", (value, a) -> plain(Boolean.TRUE.equals(value), a));
        all.put("false", (value, a) -> plain(Boolean.FALSE.equals(value), a));
        all.put("callable", (value, a) -> plain(value instanceof Callable, a));
        all.put("odd", (value, a) -> plain(Math.floorMod(Values.integer(value, "what is odd"), 2L) == 1, a));
        all.put("even", (value, a) -> plain(Math.floorMod(Values.integer(value, "what is even"), 2L) == 0, a));
        all.put("lower", (value, a) -> plain(isCase(value, Printed.text(value).toLowerCase(Locale.ROOT)), a));
        all.put("upper", (value, a) -> plain(isCase(value, Printed.text(value).toUpperCase(Locale.ROOT)), a));
        compare(all, Comparison::equal, "equalto", "eq", "==");
        compare(all, (value, other) -> !Comparison.equal(value, other), "ne", "!=");
        compare(all, (value, other) -> Comparison.order(value, other) < 0, "lt", "lessthan", "<");
        compare(all, (value, other) -> Comparison.order(value, other) <= 0, "le", "<=");
        compare(all, (value, other) -> Comparison.order(value, other) > 0, "gt", "greaterthan", ">");
        compare(all, (value, other) -> Comparison.order(value, other) >= 0, "ge", ">=");
        compare(all, (value, other) -> Comparison.contains(other, value), "in");
        compare(
                all,
                (value, other) -> value == other
                        || value instanceof None && other instanceof None
                        || value instanceof Boolean && value.equals(other),
                "sameas");
        compare(all, (value, other) -> Comparison.equal(Operators.apply("%", value, other), 0L), "divisibleby");
        return Map.copyOf(all);
    }

    private static void compare(Map<String, Test> all, Comparing comparing, String... names) {
        for (String name : List.of(names)) {
            all.put(
                    name,
                    (value, arguments) -> comparing.holds(
                            value,
                            arguments
                                    .bound("the test '" + name + "'", 1, "other")
                                    .get("other")));
        }
    }

    private static boolean plain(boolean result, Arguments arguments) {
        arguments.bound("the test", 0);
        return result;
    }

    private static boolean isSequence(Object value) {
        return value instanceof Undefined
                || Markup.plain(value) instanceof String
                || value instanceof List
                || value instanceof Map
                || value instanceof Tuple;
    }

    private static boolean isCase(Object value, String converted) {
        String text = Printed.text(value);
        return text.equals(converted) && text.codePoints().anyMatch(PythonStrings::isCased);
    }
}
