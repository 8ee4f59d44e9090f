package io.tidemark.jinja;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Values as Python has them. A string is a {@link String}, an integer a {@link Long} (beyond 64 bits a {@link BigInteger}
 * that can only be printed), a float a {@link Double}, a dictionary a {@link Map} that keeps its order.
 */
final class Values {

    private Values() {}

    /** A plain Java value, such as a JSON reader makes, with everything in it. */
    static Object of(Object plain) {
        if (plain == null) {
            return None.NONE;
        }
        if (plain instanceof Map<?, ?> map) {
            Map<Object, Object> dictionary = new LinkedHashMap<>();
            map.forEach((key, value) -> dictionary.put(of(key), of(value)));
            return dictionary;
        }
        if (plain instanceof Collection<?> collection) {
            List<Object> list = new ArrayList<>(collection.size());
            collection.forEach(element -> list.add(of(element)));
            return list;
        }
        if (plain instanceof BigInteger big) {
            return big.bitLength() < Long.SIZE ? (Object) big.longValue() : big;
        }
        if (plain instanceof Float || plain instanceof java.math.BigDecimal) {
            return ((Number) plain).doubleValue();
        }
        return plain instanceof Number number && !(plain instanceof Double) ? (Object) number.longValue() : plain;
    }

    static boolean isTrue(Object any) {
        Object value = Markup.plain(any);
        if (value instanceof Boolean flag) {
            return flag;
        }
        if (value instanceof Long number) {
            return number != 0;
        }
        if (value instanceof Double number) {
            return number != 0;
        }
        if (value instanceof None || value instanceof Undefined) {
            return false;
        }
        return !hasLength(value) || length(value) > 0;
    }

    /** The elements that a loop over the value meets. */
    static List<Object> elements(Object any) {
        Object value = Markup.plain(any);
        if (value instanceof List<?> list) {
            return new ArrayList<>(list);
        }
        if (value instanceof Map<?, ?> map) {
            return new ArrayList<>(map.keySet());
        }
        if (value instanceof Tuple tuple) {
            return tuple.elements();
        }
        if (value instanceof Elements given) {
            return given.elements();
        }
        if (value instanceof String text) {
            return new ArrayList<>(
                    text.codePoints().mapToObj(Character::toString).toList());
        }
        if (value instanceof Undefined) {
            return List.of();
        }
        throw JinjaException.because("'" + type(value) + "' object is not iterable");
    }

    static boolean isIterable(Object value) {
        return value instanceof Undefined
                || value instanceof Elements
                || hasLength(value) && !(value instanceof LoopState);
    }

    static boolean hasLength(Object value) {
        return value instanceof String
                || value instanceof Markup
                || value instanceof List
                || value instanceof Map
                || value instanceof Tuple
                || value instanceof LoopState
                || value instanceof Elements given && given.sized();
    }

    /** Characters are code points. */
    static long length(Object value) {
        if (value instanceof LoopState loop) {
            return loop.length();
        }
        if (Markup.plain(value) instanceof String text) {
            return text.codePointCount(0, text.length());
        }
        if (value instanceof Undefined) {
            return 0;
        }
        if (!hasLength(value)) {
            throw JinjaException.because("object of type '" + type(value) + "' has no length");
        }
        return elements(value).size();
    }

    static boolean isNumber(Object value) {
        return value instanceof Number || value instanceof Boolean;
    }

    static boolean isInteger(Object value) {
        return value instanceof Long || value instanceof Boolean;
    }

    static long integer(Object value, String what) {
        if (!isInteger(value)) {
            throw value instanceof Undefined missing
                    ? missing.used()
                    : JinjaException.because(what + " must be an integer, not '" + type(value) + "'");
        }
        return value instanceof Boolean flag ? (flag ? 1 : 0) : (Long) value;
    }

    static String string(Object value, String what) {
        if (Markup.plain(value) instanceof String text) {
            return text;
        }
        throw value instanceof Undefined missing
                ? missing.used()
                : JinjaException.because(what + " must be a string, not '" + type(value) + "'");
    }

    /** Python's name for the value's type. */
    static String type(Object value) {
        if (value instanceof Map) {
            return "dict";
        }
        if (value instanceof List) {
            return "list";
        }
        Map<Class<?>, String> names = Map.ofEntries(
                Map.entry(String.class, "str"),
                Map.entry(Long.class, "int"),
                Map.entry(BigInteger.class, "int"),
                Map.entry(Double.class, "float"),
                Map.entry(Boolean.class, "bool"),
                Map.entry(None.class, "NoneType"),
                Map.entry(Undefined.class, "Undefined"),
                Map.entry(Tuple.class, "tuple"),
                Map.entry(Elements.class, "generator"),
                Map.entry(Namespace.class, "Namespace"),
                Map.entry(Markup.class, "Markup"));
        return names.getOrDefault(value.getClass(), value instanceof LoopState ? "LoopContext" : "function");
    }
}
