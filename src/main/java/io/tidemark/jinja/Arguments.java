package io.tidemark.jinja;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The arguments of one call of a function, method, filter or test. */
record Arguments(List<Object> positional, Map<String, Object> named) {

    static final Arguments NONE = new Arguments(List.of(), Map.of());

    /**
     * Assigns the arguments to parameters as Python does. Parameters without an argument are absent from the result.
     *
     * @param callee   what is called, for error messages
     * @param required the number of parameters, from the first, that must have an argument
     * @throws JinjaException if an argument is missing, duplicate or superfluous
     */
    Map<String, Object> bind(String callee, int required, String... parameters) {
        if (positional.size() > parameters.length) {
            throw new JinjaException(callee + " takes at most " + parameters.length + " positional arguments, found "
                    + positional.size());
        }
        Map<String, Object> bound = new HashMap<>();
        for (int i = 0; i < positional.size(); i++) {
            bound.put(parameters[i], positional.get(i));
        }
        named.forEach((name, value) -> {
            if (!Arrays.asList(parameters).contains(name)) {
                throw new JinjaException(callee + " has no parameter '" + name + "'");
            }
            if (bound.put(name, value) != null) {
                throw new JinjaException(callee + " has two values for the parameter '" + name + "'");
            }
        });
        for (int i = 0; i < required; i++) {
            if (!bound.containsKey(parameters[i])) {
                throw new JinjaException(callee + " requires the argument '" + parameters[i] + "'");
            }
        }
        return bound;
    }

    /** The value of the only parameter, which is required. */
    Object single(String callee, String parameter) {
        return bind(callee, 1, parameter).get(parameter);
    }

    /** @throws JinjaException if there is any argument */
    void requireNone(String callee) {
        bind(callee, 0);
    }

    /** All arguments but the first positional one. */
    Arguments rest() {
        return new Arguments(positional.subList(1, positional.size()), named);
    }
}
