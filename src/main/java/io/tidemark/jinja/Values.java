package io.tidemark.jinja;

import io.tidemark.jinja.PyObject.LazySequence;
import io.tidemark.jinja.PyObject.LoopContext;
import io.tidemark.jinja.PyObject.Markup;
import io.tidemark.jinja.PyObject.None;
import io.tidemark.jinja.PyObject.Tuple;
import io.tidemark.jinja.PyObject.Undefined;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Types, truth, length and iteration of values, as in Python. A string is a {@link String}, an integer a {@link Long}
 * (an integer of more than 64 bits is a {@link BigInteger}, which can only be printed), a float a {@link Double}, a
 * list a {@link List}, and a dictionary a {@link Map} in insertion order. All other values are a {@link PyObject}.
 */
final class Values {

    private Values() {}

    /** Converts a JSON value, with all nested values. */
    static Object of(Object json) {
        if (json == null) {
            return None.NONE;
        }
        if (json instanceof Map<?, ?> map) {
            Map<Object, Object> dictionary = new LinkedHashMap<>();
            map.forEach((key, value) -> dictionary.put(of(key), of(value)));
            return dictionary;
        }
        if (json instanceof Collection<?> collection) {
            List<Object> list = new ArrayList<>(collection.size());
            collection.forEach(element -> list.add(of(element)));
            return list;
        }
        if (json instanceof BigInteger big) {
            return big.bitLength() < Long.SIZE ? (Object) big.longValue() : big;
        }
        if (json instanceof Float || json instanceof BigDecimal) {
            return ((Number) json).doubleValue();
        }
        return json instanceof Number number && !(json instanceof Double) ? (Object) number.longValue() : json;
    }

    static boolean isTrue(Object any) {
        Object value = Markup.unwrap(any);
        if (value instanceof Boolean bool) {
            return bool;
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

    /** The elements that a loop over the value iterates over. Undefined has none. */
    static List<Object> elements(Object any) {
        Object value = Markup.unwrap(any);
        if (value instanceof List<?> list) {
            return new ArrayList<>(list);
        }
        if (value instanceof Map<?, ?> map) {
            return new ArrayList<>(map.keySet());
        }
        if (value instanceof Tuple tuple) {
            return tuple.elements();
        }
        if (value instanceof LazySequence sequence) {
            return sequence.elements();
        }
        if (value instanceof String text) {
            return new ArrayList<>(
                    text.codePoints().mapToObj(Character::toString).toList());
        }
        if (value instanceof Undefined) {
            return List.of();
        }
        throw new JinjaException("'" + type(value) + "' object is not iterable");
    }

    static boolean isIterable(Object value) {
        return value instanceof Undefined
                || value instanceof LazySequence
                || hasLength(value) && !(value instanceof LoopContext);
    }

    static boolean hasLength(Object value) {
        return value instanceof String
                || value instanceof Markup
                || value instanceof List
                || value instanceof Map
                || value instanceof Tuple
                || value instanceof LoopContext
                || value instanceof LazySequence sequence && sequence.sized();
    }

    /** The number of elements; of a string, the number of code points. */
    static long length(Object value) {
        if (value instanceof LoopContext loop) {
            return loop.length();
        }
        if (Markup.unwrap(value) instanceof String text) {
            return text.codePointCount(0, text.length());
        }
        if (value instanceof Undefined) {
            return 0;
        }
        if (!hasLength(value)) {
            throw new JinjaException("object of type '" + type(value) + "' has no length");
        }
        return elements(value).size();
    }

    static boolean isNumber(Object value) {
        return value instanceof Number || value instanceof Boolean;
    }

    /** Whether the value is an integer of at most 64 bits; as in Python, booleans are integers. */
    static boolean isInteger(Object value) {
        return value instanceof Long || value instanceof Boolean;
    }

    /** @param description what the value is, for the message when it is no integer */
    static long integer(Object value, String description) {
        if (!isInteger(requireDefined(value))) {
            throw new JinjaException(description + " must be an integer, not '" + type(value) + "'");
        }
        return value instanceof Boolean bool ? (bool ? 1 : 0) : (Long) value;
    }

    /** The value of a number as a 64-bit float. */
    static double real(Object number) {
        if (number instanceof Boolean bool) {
            return bool ? 1 : 0;
        }
        return ((Number) number).doubleValue();
    }

    /** @param description what the value is, for the message when it is no string */
    static String string(Object value, String description) {
        if (Markup.unwrap(requireDefined(value)) instanceof String text) {
            return text;
        }
        throw new JinjaException(description + " must be a string, not '" + type(value) + "'");
    }

    /** @throws JinjaException with the reason why the value is undefined, if it is */
    static Object requireDefined(Object value) {
        if (value instanceof Undefined undefined) {
            throw undefined.exception();
        }
        return value;
    }

    /** Python's name for the type of the value. */
    static String type(Object value) {
        if (value instanceof PyObject object) {
            return object.typeName();
        }
        if (value instanceof Map) {
            return "dict";
        }
        if (value instanceof List) {
            return "list";
        }
        if (value instanceof String) {
            return "str";
        }
        if (value instanceof Boolean) {
            return "bool";
        }
        if (value instanceof Double) {
            return "float";
        }
        return value instanceof Number ? "int" : "object";
    }
}
