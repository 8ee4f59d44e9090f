package io.tidemark.jinja;

import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/** The functions that every chat template has: those of Jinja that transformers leaves in, and those that it adds. */
final class Functions {

    /** Jinja's sandbox allows no longer range either. */
    private static final int LONGEST_RANGE = 100_000;

    private Functions() {}

    static Map<String, Object> all(Supplier<ZonedDateTime> clock) {
        Map<String, Object> functions = new HashMap<>();
        functions.put("range", (Callable) Functions::range);
        functions.put("namespace", (Callable) arguments -> new Namespace(named(dictionary(arguments))));
        functions.put("dict", (Callable) Functions::dictionary);
        functions.put("raise_exception", (Callable) arguments -> {
            throw JinjaException.raised(Printed.text(
                    arguments.bound("raise_exception", 1, "message").get("message")));
        });
        functions.put("strftime_now", (Callable) arguments -> Strftime.format(
                clock.get(),
                Values.string(arguments.bound("strftime_now", 1, "format").get("format"), "a format")));
        return functions;
    }

    private static Map<Object, Object> dictionary(Arguments arguments) {
        Map<Object, Object> dictionary = new LinkedHashMap<>();
        if (arguments.positional().size() > 1) {
            throw JinjaException.because("a dictionary is made of at most one other");
        }
        for (Object given : arguments.positional()) {
            if (given instanceof Map<?, ?> map) {
                dictionary.putAll(map);
            } else {
                for (Object pair : Values.elements(given)) {
                    List<Object> two = Values.elements(pair);
                    if (two.size() != 2) {
                        throw JinjaException.because("a dictionary is made of pairs");
                    }
                    dictionary.put(two.get(0), two.get(1));
                }
            }
        }
        dictionary.putAll(arguments.named());
        return dictionary;
    }

    private static Map<String, Object> named(Map<Object, Object> dictionary) {
        Namespace namespace = new Namespace(new LinkedHashMap<>());
        dictionary.forEach((name, value) -> namespace.set(Values.string(name, "a namespace's attribute"), value));
        return namespace.attributes();
    }

    private static Object range(Arguments arguments) {
        List<Long> given = arguments.positional().stream()
                .map(each -> Values.integer(each, "a range's bound"))
                .toList();
        if (given.isEmpty() || given.size() > 3 || !arguments.named().isEmpty()) {
            throw JinjaException.because("'range' takes one to three integers");
        }
        long from = given.size() == 1 ? 0 : given.get(0);
        long to = given.get(given.size() == 1 ? 0 : 1);
        long step = given.size() == 3 ? given.get(2) : 1;
        if (step == 0) {
            throw JinjaException.because("a range's step can't be zero");
        }
        List<Object> numbers = new ArrayList<>();
        for (long i = from; step > 0 ? i < to : i > to; i += step) {
            if (numbers.size() == LONGEST_RANGE) {
                throw JinjaException.because("a range of more than " + LONGEST_RANGE + " numbers");
            }
            numbers.add(i);
        }
        return new Elements(numbers, true, true);
    }
}
