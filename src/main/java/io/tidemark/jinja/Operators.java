package io.tidemark.jinja;

import io.tidemark.jinja.PyObject.Markup;
import io.tidemark.jinja.PyObject.None;
import io.tidemark.jinja.PyObject.Tuple;
import io.tidemark.jinja.PyObject.Undefined;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/** Arithmetic, equality, order and membership, as in Python. Operands are converted only where Python converts them. */
final class Operators {

    /** The maximum length of a repeated string or list, which limits the memory that a template can allocate. */
    private static final long MAX_REPEATED_LENGTH = 1 << 24;

    private Operators() {}

    /** Applies one of {@code + - * / // % **}. */
    static Object arithmetic(String operator, Object left, Object right) {
        if (left instanceof String format && operator.equals("%")) {
            return PythonStrings.format(format, right instanceof Tuple tuple ? tuple.elements() : List.of(right));
        }
        Values.requireDefined(left);
        Values.requireDefined(right);
        if (isArithmetic(left) && isArithmetic(right)) {
            return numbers(operator, left, right);
        }
        if (operator.equals("+") && (left instanceof Markup || right instanceof Markup)) {
            return Markup.sum(left, right);
        }
        if (operator.equals("+")) {
            return concatenate(left, right);
        }
        if (operator.equals("*") && Values.isInteger(right)) {
            return repeat(left, Values.integer(right, "the count"));
        }
        if (operator.equals("*") && Values.isInteger(left)) {
            return repeat(right, Values.integer(left, "the count"));
        }
        throw unsupported(operator, left, right);
    }

    private static boolean isArithmetic(Object value) {
        return value instanceof Double || Values.isInteger(value);
    }

    private static Object numbers(String operator, Object left, Object right) {
        double a = Values.real(left);
        double b = Values.real(right);
        boolean division = operator.equals("/") || operator.equals("//") || operator.equals("%");
        if (division && b == 0) {
            throw new JinjaException("division by zero");
        }
        boolean real = operator.equals("/") || operator.equals("**") && b < 0;
        if (Values.isInteger(left) && Values.isInteger(right) && !real) {
            return integers(operator, Values.integer(left, "an operand"), Values.integer(right, "an operand"));
        }
        return switch (operator) {
            case "+" -> a + b;
            case "-" -> a - b;
            case "*" -> a * b;
            case "/" -> a / b;
            case "//" -> Math.floor(a / b);
            case "%" -> a - b * Math.floor(a / b);
            default -> Math.pow(a, b);
        };
    }

    private static Object integers(String operator, long a, long b) {
        try {
            return switch (operator) {
                case "+" -> Math.addExact(a, b);
                case "-" -> Math.subtractExact(a, b);
                case "*" -> Math.multiplyExact(a, b);
                case "//" -> Math.floorDiv(a, b);
                case "%" -> Math.floorMod(a, b);
                default -> BigInteger.valueOf(a).pow((int) Math.min(b, 4096)).longValueExact();
            };
        } catch (ArithmeticException e) {
            throw new JinjaException("an integer of more than 64 bits");
        }
    }

    private static Object concatenate(Object left, Object right) {
        if (left instanceof String a && right instanceof String b) {
            return a + b;
        }
        boolean lists = left instanceof List && right instanceof List;
        if (!lists && !(left instanceof Tuple && right instanceof Tuple)) {
            throw unsupported("+", left, right);
        }
        List<Object> all = new ArrayList<>(Values.elements(left));
        all.addAll(Values.elements(right));
        return lists ? all : new Tuple(all);
    }

    private static Object repeat(Object value, long times) {
        boolean text = value instanceof String;
        if (!text && !(value instanceof List)) {
            throw unsupported("*", value, times);
        }
        if (times > MAX_REPEATED_LENGTH || times > 0 && Values.length(value) * times > MAX_REPEATED_LENGTH) {
            throw new JinjaException("a repeated " + (text ? "string" : "list") + " of more than " + MAX_REPEATED_LENGTH
                    + (text ? " characters" : " elements"));
        }
        int count = (int) Math.max(0, times);
        if (text) {
            return ((String) value).repeat(count);
        }
        return new ArrayList<>(Collections.nCopies(count, (List<?>) value).stream()
                .flatMap(List::stream)
                .toList());
    }

    private static JinjaException unsupported(String operator, Object left, Object right) {
        Values.requireDefined(left);
        Values.requireDefined(right);
        return new JinjaException("unsupported operand types for '" + operator + "': '" + Values.type(left) + "' and '"
                + Values.type(right) + "'");
    }

    static Object negate(Object value) {
        if (!isArithmetic(Values.requireDefined(value))) {
            throw new JinjaException("unsupported operand type for a sign: '" + Values.type(value) + "'");
        }
        return value instanceof Double number ? (Object) (-number) : numbers("-", 0L, value);
    }

    /** Applies one of {@code == != < <= > >=}, {@code in} or {@code not in}. */
    static boolean compare(String operator, Object left, Object right) {
        return switch (operator) {
            case "==" -> equal(left, right);
            case "!=" -> !equal(left, right);
            case "<" -> order(left, right) < 0;
            case "<=" -> order(left, right) <= 0;
            case ">" -> order(left, right) > 0;
            case ">=" -> order(left, right) >= 0;
            case "in" -> contains(right, left);
            default -> !contains(right, left);
        };
    }

    static boolean equal(Object one, Object other) {
        Object left = Markup.unwrap(one);
        Object right = Markup.unwrap(other);
        if (Values.isNumber(left) && Values.isNumber(right)) {
            return numericOrder(left, right) == 0;
        }
        if (left instanceof Undefined || right instanceof Undefined) {
            return left instanceof Undefined && right instanceof Undefined;
        }
        if (left instanceof List<?> a && right instanceof List<?> b) {
            return equalElements(a, b);
        }
        if (left instanceof Tuple a && right instanceof Tuple b) {
            return equalElements(a.elements(), b.elements());
        }
        if (left instanceof Map<?, ?> a && right instanceof Map<?, ?> b) {
            return a.size() == b.size()
                    && a.entrySet().stream()
                            .allMatch(e -> b.containsKey(e.getKey()) && equal(e.getValue(), b.get(e.getKey())));
        }
        return left instanceof String || left instanceof None ? left.equals(right) : left == right;
    }

    private static boolean equalElements(List<?> left, List<?> right) {
        if (left.size() != right.size()) {
            return false;
        }
        for (int i = 0; i < left.size(); i++) {
            if (!equal(left.get(i), right.get(i))) {
                return false;
            }
        }
        return true;
    }

    /** Compares values as a comparator does: negative, zero or positive. Strings are compared by code point. */
    static int order(Object one, Object other) {
        Object left = Markup.unwrap(one);
        Object right = Markup.unwrap(other);
        if (Values.isNumber(left) && Values.isNumber(right)) {
            return numericOrder(left, right);
        }
        if (left instanceof String a && right instanceof String b) {
            return codePointOrder(a, b);
        }
        boolean lists = left instanceof List && right instanceof List;
        if (lists || left instanceof Tuple && right instanceof Tuple) {
            return elementOrder(Values.elements(left), Values.elements(right));
        }
        Values.requireDefined(left);
        Values.requireDefined(right);
        throw new JinjaException("cannot order '" + Values.type(left) + "' and '" + Values.type(right) + "'");
    }

    private static int numericOrder(Object left, Object right) {
        if (Values.isInteger(left) && Values.isInteger(right)) {
            return Long.compare(Values.integer(left, "an operand"), Values.integer(right, "an operand"));
        }
        double a = Values.real(left);
        double b = Values.real(right);
        return a == b ? 0 : a < b ? -1 : 1;
    }

    private static int elementOrder(List<Object> left, List<Object> right) {
        for (int i = 0; i < Math.min(left.size(), right.size()); i++) {
            if (!equal(left.get(i), right.get(i))) {
                return order(left.get(i), right.get(i));
            }
        }
        return Integer.compare(left.size(), right.size());
    }

    private static int codePointOrder(String left, String right) {
        int at = 0;
        while (at < left.length() && at < right.length()) {
            int a = left.codePointAt(at);
            int b = right.codePointAt(at);
            if (a != b) {
                return Integer.compare(a, b);
            }
            at += Character.charCount(a);
        }
        return Integer.compare(left.length(), right.length());
    }

    private static boolean contains(Object right, Object left) {
        Object container = Markup.unwrap(right);
        Object element = Markup.unwrap(left);
        if (container instanceof String text) {
            if (element instanceof String part) {
                return text.contains(part);
            }
            throw new JinjaException(
                    "'in <string>' requires a string as left operand, not '" + Values.type(element) + "'");
        }
        if (container instanceof Map<?, ?> map) {
            return map.containsKey(element);
        }
        return Values.elements(container).stream().anyMatch(each -> equal(each, element));
    }
}
