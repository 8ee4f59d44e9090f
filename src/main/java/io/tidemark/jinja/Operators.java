package io.tidemark.jinja;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** What operators make of two values. Nothing is converted that Python would not convert. */
final class Operators {

    /** Characters or elements; no prompt is that long. */
    private static final long MOST_REPETITIONS = 1 << 24;

    private Operators() {}

    static Object apply(String operator, Object left, Object right) {
        if (left instanceof String format && operator.equals("%")) {
            return PercentFormat.format(format, right);
        }
        if (left instanceof Undefined missing) {
            throw missing.used();
        }
        if (right instanceof Undefined missing) {
            throw missing.used();
        }
        if (isCountable(left) && isCountable(right)) {
            return Numbers.apply(operator, left, right);
        }
        if (operator.equals("+") && (left instanceof Markup || right instanceof Markup)) {
            return Markup.sum(left, right);
        }
        if (operator.equals("+")) {
            return sum(left, right);
        }
        if (operator.equals("*") && Values.isInteger(right)) {
            return repeated(left, Values.integer(right, ""));
        }
        if (operator.equals("*") && Values.isInteger(left)) {
            return repeated(right, Values.integer(left, ""));
        }
        throw unfit("use '" + operator + "' on", left, right);
    }

    private static boolean isCountable(Object value) {
        return value instanceof Double || Values.isInteger(value);
    }

    private static Object sum(Object left, Object right) {
        if (left instanceof String a && right instanceof String b) {
            return a + b;
        }
        if (left instanceof List<?> && right instanceof List<?>) {
            return chained(left, right);
        }
        if (left instanceof Tuple && right instanceof Tuple) {
            return new Tuple(chained(left, right));
        }
        throw unfit("add", left, right);
    }

    private static List<Object> chained(Object left, Object right) {
        List<Object> all = new ArrayList<>(Values.elements(left));
        all.addAll(Values.elements(right));
        return all;
    }

    private static Object repeated(Object value, long times) {
        boolean text = value instanceof String;
        if (!text && !(value instanceof List)) {
            throw unfit("use '*' on", value, times);
        }
        if (times > MOST_REPETITIONS || times > 0 && Values.length(value) * times > MOST_REPETITIONS) {
            throw JinjaException.because("a " + (text ? "text" : "list") + " repeated too often");
        }
        int count = (int) Math.max(0, times);
        if (text) {
            return ((String) value).repeat(count);
        }
        return new ArrayList<>(Collections.nCopies(count, (List<?>) value).stream()
                .flatMap(List::stream)
                .toList());
    }

    static JinjaException unfit(String verb, Object left, Object right) {
        for (Object side : List.of(left, right)) {
            if (side instanceof Undefined missing) {
                return missing.used();
            }
        }
        return JinjaException.because(
                "can't " + verb + " '" + Values.type(left) + "' and '" + Values.type(right) + "'");
    }

    static Object negated(Object value) {
        if (value instanceof Undefined missing) {
            throw missing.used();
        }
        if (!isCountable(value)) {
            throw JinjaException.because("'-' needs a number, not '" + Values.type(value) + "'");
        }
        return value instanceof Double number ? (Object) (-number) : Numbers.apply("-", 0L, value);
    }

    static Object positive(Object value) {
        return negated(negated(value));
    }
}
