package io.tidemark.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** The methods of Python's lists, less those that would change one. */
final class ListMethods {

    private static final Set<String> CHANGING =
            Set.of("append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort");

    private ListMethods() {}

    static Optional<Callable> find(List<?> list, String name) {
        if (CHANGING.contains(name)) {
            return Optional.of(arguments -> {
                throw JinjaException.because("a template may not change a list: '" + name + "'");
            });
        }
        return switch (name) {
            case "count" ->
                Optional.of(arguments -> list.stream()
                        .filter(each -> Comparison.equal(each, one(arguments)))
                        .count());
            case "index" -> Optional.of(arguments -> index(list, one(arguments)));
            case "copy" -> Optional.of(arguments -> new ArrayList<Object>(list));
            default -> Optional.empty();
        };
    }

    private static Object one(Arguments arguments) {
        return arguments.bound("the method", 1, "value").get("value");
    }

    private static Object index(List<?> list, Object wanted) {
        for (int i = 0; i < list.size(); i++) {
            if (Comparison.equal(list.get(i), wanted)) {
                return (long) i;
            }
        }
        throw JinjaException.because("a list does not hold what is looked for");
    }
}
