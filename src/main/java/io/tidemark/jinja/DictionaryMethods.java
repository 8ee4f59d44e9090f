package io.tidemark.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** The methods of Python's dictionaries, less those that would change one. */
final class DictionaryMethods {

    private static final Set<String> CHANGING = Set.of("clear", "pop", "popitem", "setdefault", "update");

    private DictionaryMethods() {}

    static Optional<Callable> find(Map<?, ?> map, String name) {
        if (CHANGING.contains(name)) {
            return Optional.of(arguments -> {
                throw JinjaException.because("a template may not change a dictionary: '" + name + "'");
            });
        }
        return switch (name) {
            case "items" -> Optional.of(arguments -> view(items(map), arguments));
            case "keys" -> Optional.of(arguments -> view(new ArrayList<>(map.keySet()), arguments));
            case "values" -> Optional.of(arguments -> view(new ArrayList<>(map.values()), arguments));
            case "get" -> Optional.of(arguments -> get(map, arguments));
            case "copy" -> Optional.of(arguments -> new LinkedHashMap<Object, Object>(map));
            default -> Optional.empty();
        };
    }

    static List<Object> items(Map<?, ?> map) {
        List<Object> items = new ArrayList<>();
        map.forEach((key, value) -> items.add(new Tuple(List.of(key, value))));
        return items;
    }

    private static Object view(List<Object> elements, Arguments arguments) {
        arguments.bound("the method", 0);
        return new Elements(elements, true, false);
    }

    private static Object get(Map<?, ?> map, Arguments arguments) {
        Map<String, Object> bound = arguments.bound("get", 1, "key", "default");
        Object found = map.get(bound.get("key"));
        return found != null ? found : bound.getOrDefault("default", None.NONE);
    }
}
