package io.tidemark.jinja;

import io.tidemark.jinja.PyObject.Callable;
import io.tidemark.jinja.PyObject.LazySequence;
import io.tidemark.jinja.PyObject.Namespace;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Supplier;

/** The global functions: those of Jinja that chat templates use, and those that transformers adds. */
final class Functions {

    /** How many numbers a range may have, as in Jinja2's sandbox. */
    private static final int MAX_RANGE = 100_000;

    /** Patterns of {@link DateTimeFormatter} for the fields of {@code strftime} in the C locale. */
    private static final Map<Character, String> STRFTIME_PATTERNS = Map.ofEntries(
            Map.entry('Y', "yyyy"),
            Map.entry('y', "yy"),
            Map.entry('m', "MM"),
            Map.entry('B', "MMMM"),
            Map.entry('b', "MMM"),
            Map.entry('h', "MMM"),
            Map.entry('d', "dd"),
            Map.entry('e', "ppd"),
            Map.entry('j', "DDD"),
            Map.entry('A', "EEEE"),
            Map.entry('a', "EEE"),
            Map.entry('H', "HH"),
            Map.entry('I', "hh"),
            Map.entry('M', "mm"),
            Map.entry('S', "ss"),
            Map.entry('f', "SSSSSS"),
            Map.entry('p', "a"),
            Map.entry('F', "yyyy-MM-dd"),
            Map.entry('T', "HH:mm:ss"),
            Map.entry('R', "HH:mm"),
            Map.entry('D', "MM/dd/yy"),
            Map.entry('x', "MM/dd/yy"),
            Map.entry('X', "HH:mm:ss"),
            Map.entry('c', "EEE MMM ppd HH:mm:ss yyyy"));

    private Functions() {}

    /** @param clock the time that {@code strftime_now} formats */
    static Map<String, Callable> all(Supplier<ZonedDateTime> clock) {
        return Map.of(
                "range", Functions::range,
                "namespace", Functions::namespace,
                "dict", Functions::dictionary,
                "raise_exception", Functions::raiseException,
                "strftime_now", arguments -> strftime(clock.get(), arguments));
    }

    private static Object raiseException(Arguments arguments) {
        throw JinjaException.raised(Printer.str(arguments.single("raise_exception", "message")));
    }

    private static Object namespace(Arguments arguments) {
        Namespace namespace = new Namespace(new LinkedHashMap<>());
        dictionary(arguments)
                .forEach((name, value) -> namespace.set(Values.string(name, "an attribute of a namespace"), value));
        return namespace;
    }

    private static Map<Object, Object> dictionary(Arguments arguments) {
        Map<Object, Object> dictionary = new LinkedHashMap<>();
        if (arguments.positional().size() > 1) {
            throw new JinjaException("dict takes at most one positional argument");
        }
        for (Object given : arguments.positional()) {
            List<Object> items = given instanceof Map<?, ?> map ? Methods.items(map) : Values.elements(given);
            for (Object item : items) {
                List<Object> pair = Values.elements(item);
                if (pair.size() != 2) {
                    throw new JinjaException("dict requires pairs of key and value");
                }
                dictionary.put(pair.get(0), pair.get(1));
            }
        }
        dictionary.putAll(arguments.named());
        return dictionary;
    }

    private static Object range(Arguments arguments) {
        List<Long> given = arguments.positional().stream()
                .map(each -> Values.integer(each, "an argument of 'range'"))
                .toList();
        if (given.isEmpty() || given.size() > 3 || !arguments.named().isEmpty()) {
            throw new JinjaException("range takes one to three integers");
        }
        long start = given.size() == 1 ? 0 : given.get(0);
        long stop = given.get(given.size() == 1 ? 0 : 1);
        long step = given.size() == 3 ? given.get(2) : 1;
        if (step == 0) {
            throw new JinjaException("the step of a range must not be zero");
        }
        List<Object> numbers = new ArrayList<>();
        for (long i = start; step > 0 ? i < stop : i > stop; i += step) {
            if (numbers.size() == MAX_RANGE) {
                throw new JinjaException("a range of more than " + MAX_RANGE + " numbers");
            }
            numbers.add(i);
        }
        return LazySequence.range(numbers);
    }

    private static String strftime(ZonedDateTime time, Arguments arguments) {
        String format = Values.string(arguments.single("strftime_now", "format"), "the argument of 'strftime_now'");
        StringBuilder text = new StringBuilder();
        for (int at = 0; at < format.length(); at++) {
            char c = format.charAt(at);
            if (c != '%' || at + 1 == format.length()) {
                text.append(c);
                continue;
            }
            at++;
            boolean unpadded = format.charAt(at) == '-' && at + 1 < format.length();
            String field = strftimeField(time, format.charAt(unpadded ? ++at : at));
            text.append(unpadded ? field.replaceFirst("^[0 ]+(?=.)", "") : field);
        }
        return text.toString();
    }

    private static String strftimeField(ZonedDateTime time, char field) {
        if (field == '%') {
            return "%";
        }
        if (!STRFTIME_PATTERNS.containsKey(field)) {
            throw new JinjaException("the field '%" + field + "' of strftime_now is not supported");
        }
        return time.format(DateTimeFormatter.ofPattern(STRFTIME_PATTERNS.get(field), Locale.ENGLISH));
    }
}
