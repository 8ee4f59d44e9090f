package io.tidemark.jinja;

import io.tidemark.jinja.PyObject.Callable;
import io.tidemark.jinja.PyObject.Markup;
import io.tidemark.jinja.PyObject.None;
import io.tidemark.jinja.PyObject.Tuple;
import io.tidemark.jinja.PyObject.Undefined;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiPredicate;
import java.util.function.Predicate;

/** Jinja's tests: what can follow {@code is}. */
final class ValueTests {

    @FunctionalInterface
    interface ValueTest {
        boolean holds(Object value, Arguments arguments);
    }

    private static final Map<String, ValueTest> ALL = Map.copyOf(new ValueTests().tests);

    private final Map<String, ValueTest> tests = new HashMap<>();

    private ValueTests() {
        unary("defined", value -> !(value instanceof Undefined));
        unary("undefined", value -> value instanceof Undefined);
        unary("none", value -> value instanceof None);
        unary("string", value -> Markup.unwrap(value) instanceof String);
        unary("mapping", value -> value instanceof Map);
        unary("sequence", ValueTests::isSequence);
        unary("iterable", Values::isIterable);
        unary("number", Values::isNumber);
        unary("integer", value -> value instanceof Number && !(value instanceof Double));
        unary("float", value -> value instanceof Double);
        unary("boolean", value -> value instanceof Boolean);
        unary("true", Boolean.TRUE::equals);
        unary("false", Boolean.FALSE::equals);
        unary("callable", value -> value instanceof Callable);
        unary("odd", value -> Math.floorMod(Values.integer(value, "the value that 'odd' tests"), 2L) == 1);
        unary("even", value -> Math.floorMod(Values.integer(value, "the value that 'even' tests"), 2L) == 0);
        unary("lower", value -> PythonStrings.isLower(Printer.str(value)));
        unary("upper", value -> PythonStrings.isUpper(Printer.str(value)));
        comparison("==", "eq", "equalto", "==");
        comparison("!=", "ne", "!=");
        comparison("<", "lt", "lessthan", "<");
        comparison("<=", "le", "<=");
        comparison(">", "gt", "greaterthan", ">");
        comparison(">=", "ge", ">=");
        comparison("in", "in");
        binary("sameas", ValueTests::isSame);
        binary("divisibleby", (value, other) -> Operators.equal(Operators.arithmetic("%", value, other), 0L));
    }

    static Optional<ValueTest> find(String name) {
        return Optional.ofNullable(ALL.get(name));
    }

    static String unsupported(String name) {
        return "test '" + name + "' is not supported";
    }

    private void unary(String name, Predicate<Object> test) {
        tests.put(name, (value, arguments) -> {
            arguments.requireNone("test '" + name + "'");
            return test.test(value);
        });
    }

    private void binary(String name, BiPredicate<Object, Object> test) {
        tests.put(name, (value, arguments) -> test.test(value, arguments.single("test '" + name + "'", "other")));
    }

    private void comparison(String operator, String... names) {
        for (String name : names) {
            binary(name, (value, other) -> Operators.compare(operator, value, other));
        }
    }

    private static boolean isSequence(Object value) {
        return value instanceof Undefined
                || Markup.unwrap(value) instanceof String
                || value instanceof List
                || value instanceof Map
                || value instanceof Tuple;
    }

    /** Identity; {@code None} and the booleans are single objects in Python. */
    private static boolean isSame(Object value, Object other) {
        return value == other
                || value instanceof None && other instanceof None
                || value instanceof Boolean && value.equals(other);
    }
}
