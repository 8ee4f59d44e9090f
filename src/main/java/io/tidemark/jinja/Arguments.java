package io.tidemark.jinja;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** What a function, filter or test was called with. */
record Arguments(List<Object> positional, Map<String, Object> named) {

    static final Arguments NONE = new Arguments(List.of(), Map.of());

    /**
     * The arguments by the names that the callee has for them, as Python binds them.
     *
     * @param required how many of the names must be given
     */
    Map<String, Object> bound(String callee, int required, String... names) {
        if (positional.size() > names.length) {
            throw JinjaException.because(
                    callee + " takes at most " + names.length + " arguments, not " + positional.size());
        }
        Map<String, Object> bound = new HashMap<>();
        for (int i = 0; i < positional.size(); i++) {
            bound.put(names[i], positional.get(i));
        }
        named.forEach((name, value) -> {
            if (!Arrays.asList(names).contains(name)) {
                throw JinjaException.because(callee + " takes no argument '" + name + "' here");
            }
            if (bound.put(name, value) != null) {
                throw JinjaException.because(callee + " got '" + name + "' twice");
            }
        });
        for (int i = 0; i < required; i++) {
            if (!bound.containsKey(names[i])) {
                throw JinjaException.because(callee + " needs the argument '" + names[i] + "'");
            }
        }
        return bound;
    }

    /** All but the first positional argument. */
    Arguments rest() {
        return new Arguments(positional.subList(1, positional.size()), named);
    }
}
