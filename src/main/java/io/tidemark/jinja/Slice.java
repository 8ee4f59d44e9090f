package io.tidemark.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** Python's {@code value[from:to:step]}; each bound may be {@code None}. */
final class Slice {

    private Slice() {}

    static Object of(Object value, Object from, Object to, Object by) {
        boolean sliceable = value instanceof String || value instanceof List || value instanceof Tuple;
        if (!sliceable) {
            // Jinja makes an undefined value of what can't be sliced
            return value instanceof Undefined missing
                    ? failing(missing)
                    : Undefined.because("'" + Values.type(value) + "' object can't be sliced");
        }
        List<Object> picked =
                picked(Values.elements(value), from, to, by instanceof None ? 1 : Values.integer(by, "a slice's step"));
        if (value instanceof String) {
            return picked.stream().map(Object::toString).collect(Collectors.joining());
        }
        return value instanceof Tuple ? new Tuple(picked) : picked;
    }

    private static Object failing(Undefined missing) {
        throw missing.used();
    }

    private static List<Object> picked(List<Object> elements, Object from, Object to, long step) {
        if (step == 0) {
            throw JinjaException.because("a slice's step can't be zero");
        }
        long size = elements.size();
        long lowest = step > 0 ? 0 : -1;
        long highest = step > 0 ? size : size - 1;
        long begin = from instanceof None ? (step > 0 ? lowest : highest) : clamped(from, size, lowest, highest);
        long end = to instanceof None ? (step > 0 ? highest : lowest) : clamped(to, size, lowest, highest);
        List<Object> picked = new ArrayList<>();
        for (long i = begin; step > 0 ? i < end : i > end; i += step) {
            picked.add(elements.get((int) i));
        }
        return picked;
    }

    private static long clamped(Object bound, long size, long lowest, long highest) {
        long index = Values.integer(bound, "a slice's bound");
        return Math.max(lowest, Math.min(highest, index < 0 ? index + size : index));
    }
}
