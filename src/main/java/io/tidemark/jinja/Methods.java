package io.tidemark.jinja;

import io.tidemark.jinja.PyObject.Callable;
import io.tidemark.jinja.PyObject.LazySequence;
import io.tidemark.jinja.PyObject.None;
import io.tidemark.jinja.PyObject.Tuple;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.function.IntPredicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The methods of Python's strings, lists and dictionaries. Methods that change a list or dictionary fail. */
final class Methods {

    private interface StringMethod {
        Object call(String text, Arguments arguments);
    }

    private static final Set<String> LIST_MUTATORS =
            Set.of("append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort");
    private static final Set<String> DICTIONARY_MUTATORS = Set.of("clear", "pop", "popitem", "setdefault", "update");
    private static final Map<String, StringMethod> STRING_METHODS = stringMethods();

    private Methods() {}

    /** The method of this name, bound to the value; empty when its type has none. */
    static Optional<Callable> find(Object value, String name) {
        if (value instanceof String text) {
            return Optional.ofNullable(STRING_METHODS.get(name))
                    .map(method -> arguments -> method.call(text, arguments));
        }
        if (value instanceof List<?> list) {
            return LIST_MUTATORS.contains(name) ? Optional.of(mutator("a list", name)) : ofList(list, name);
        }
        if (value instanceof Map<?, ?> map) {
            return DICTIONARY_MUTATORS.contains(name)
                    ? Optional.of(mutator("a dictionary", name))
                    : ofDictionary(map, name);
        }
        return Optional.empty();
    }

    private static Callable mutator(String type, String name) {
        return arguments -> {
            throw new JinjaException("a template cannot change " + type + ": '" + name + "'");
        };
    }

    private static Optional<Callable> ofList(List<?> list, String name) {
        return switch (name) {
            case "count" ->
                Optional.of(arguments -> {
                    Object value = arguments.single("the method 'count'", "value");
                    return list.stream()
                            .filter(each -> Operators.equal(each, value))
                            .count();
                });
            case "index" -> Optional.of(arguments -> index(list, arguments.single("the method 'index'", "value")));
            case "copy" -> Optional.of(arguments -> new ArrayList<Object>(list));
            default -> Optional.empty();
        };
    }

    private static Object index(List<?> list, Object value) {
        for (int i = 0; i < list.size(); i++) {
            if (Operators.equal(list.get(i), value)) {
                return (long) i;
            }
        }
        throw new JinjaException("the list does not contain the argument of 'index'");
    }

    private static Optional<Callable> ofDictionary(Map<?, ?> map, String name) {
        return switch (name) {
            case "items" -> Optional.of(arguments -> view(items(map), name, arguments));
            case "keys" -> Optional.of(arguments -> view(new ArrayList<>(map.keySet()), name, arguments));
            case "values" -> Optional.of(arguments -> view(new ArrayList<>(map.values()), name, arguments));
            case "get" -> Optional.of(arguments -> get(map, arguments));
            case "copy" -> Optional.of(arguments -> new LinkedHashMap<Object, Object>(map));
            default -> Optional.empty();
        };
    }

    /** The entries of a dictionary as tuples of key and value. */
    static List<Object> items(Map<?, ?> map) {
        List<Object> items = new ArrayList<>();
        map.forEach((key, value) -> items.add(new Tuple(List.of(key, value))));
        return items;
    }

    private static Object view(List<Object> elements, String name, Arguments arguments) {
        arguments.requireNone("the method '" + name + "'");
        return LazySequence.view(elements);
    }

    private static Object get(Map<?, ?> map, Arguments arguments) {
        Map<String, Object> bound = arguments.bind("the method 'get'", 1, "key", "default");
        Object found = map.get(bound.get("key"));
        return found != null ? found : bound.getOrDefault("default", None.NONE);
    }

    private static Map<String, StringMethod> stringMethods() {
        Map<String, StringMethod> methods = new HashMap<>();
        methods.put("strip", (text, a) -> strip(text, a, true, true));
        methods.put("lstrip", (text, a) -> strip(text, a, true, false));
        methods.put("rstrip", (text, a) -> strip(text, a, false, true));
        methods.put("split", (text, a) -> split(text, a, false));
        methods.put("rsplit", (text, a) -> split(text, a, true));
        methods.put("splitlines", Methods::splitLines);
        methods.put("startswith", (text, a) -> affixes(a, "startswith").anyMatch(text::startsWith));
        methods.put("endswith", (text, a) -> affixes(a, "endswith").anyMatch(text::endsWith));
        methods.put("removeprefix", Methods::removePrefix);
        methods.put("removesuffix", Methods::removeSuffix);
        methods.put("replace", Methods::replace);
        methods.put("join", Methods::join);
        methods.put("find", (text, a) -> position(text, text.indexOf(argument(a, "find"))));
        methods.put("rfind", (text, a) -> position(text, text.lastIndexOf(argument(a, "rfind"))));
        methods.put(
                "count",
                (text, a) -> PythonStrings.split(text, argument(a, "count"), -1).size() - 1L);
        noArguments(methods, "upper", text -> text.toUpperCase(Locale.ROOT));
        noArguments(methods, "lower", text -> text.toLowerCase(Locale.ROOT));
        noArguments(methods, "title", PythonStrings::title);
        noArguments(methods, "capitalize", PythonStrings::capitalize);
        noArguments(methods, "isspace", text -> all(text, PythonStrings::isSpace));
        noArguments(methods, "isalpha", text -> all(text, Character::isLetter));
        noArguments(methods, "isalnum", text -> all(text, Character::isLetterOrDigit));
        noArguments(methods, "isdigit", text -> all(text, Character::isDigit));
        noArguments(methods, "islower", PythonStrings::isLower);
        noArguments(methods, "isupper", PythonStrings::isUpper);
        return Map.copyOf(methods);
    }

    private static void noArguments(Map<String, StringMethod> methods, String name, Function<String, Object> method) {
        methods.put(name, (text, arguments) -> {
            arguments.requireNone("the method '" + name + "'");
            return method.apply(text);
        });
    }

    private static String argument(Arguments arguments, String method) {
        return Values.string(
                arguments.single("the method '" + method + "'", "text"), "the argument of '" + method + "'");
    }

    private static Stream<String> affixes(Arguments arguments, String method) {
        Object given = arguments.single("the method '" + method + "'", "affix");
        List<Object> affixes = given instanceof Tuple tuple ? tuple.elements() : List.of(given);
        return affixes.stream().map(affix -> Values.string(affix, "an argument of '" + method + "'"));
    }

    private static Object strip(String text, Arguments arguments, boolean left, boolean right) {
        Object characters = arguments.bind("the method 'strip'", 0, "chars").getOrDefault("chars", None.NONE);
        return PythonStrings.strip(text, characters, left, right);
    }

    private static Object split(String text, Arguments arguments, boolean right) {
        Map<String, Object> bound = arguments.bind("the method 'split'", 0, "sep", "maxsplit");
        long maxSplit = Values.integer(bound.getOrDefault("maxsplit", -1L), "'maxsplit'");
        if (bound.getOrDefault("sep", None.NONE) instanceof None) {
            if (right && maxSplit >= 0) {
                throw new JinjaException("'rsplit' without a separator does not support 'maxsplit'");
            }
            return PythonStrings.words(text, maxSplit);
        }
        String separator = Values.string(bound.get("sep"), "'sep'");
        return right
                ? PythonStrings.splitRight(text, separator, maxSplit)
                : PythonStrings.split(text, separator, maxSplit);
    }

    private static Object splitLines(String text, Arguments arguments) {
        Map<String, Object> bound = arguments.bind("the method 'splitlines'", 0, "keepends");
        return PythonStrings.lines(text, Values.isTrue(bound.getOrDefault("keepends", false)));
    }

    private static Object removePrefix(String text, Arguments arguments) {
        String prefix = argument(arguments, "removeprefix");
        return text.startsWith(prefix) ? text.substring(prefix.length()) : text;
    }

    private static Object removeSuffix(String text, Arguments arguments) {
        String suffix = argument(arguments, "removesuffix");
        return text.endsWith(suffix) ? text.substring(0, text.length() - suffix.length()) : text;
    }

    private static Object replace(String text, Arguments arguments) {
        Map<String, Object> bound = arguments.bind("the method 'replace'", 2, "old", "new", "count");
        return PythonStrings.replace(
                text,
                Values.string(bound.get("old"), "'old'"),
                Values.string(bound.get("new"), "'new'"),
                Values.integer(bound.getOrDefault("count", -1L), "'count'"));
    }

    private static Object join(String separator, Arguments arguments) {
        return Values.elements(arguments.single("the method 'join'", "iterable")).stream()
                .map(each -> Values.string(each, "an element of the argument of 'join'"))
                .collect(Collectors.joining(separator));
    }

    /** The index in code points. */
    private static Object position(String text, int at) {
        return at < 0 ? -1L : (long) text.codePointCount(0, at);
    }

    private static boolean all(String text, IntPredicate holds) {
        return !text.isEmpty() && text.codePoints().allMatch(holds);
    }
}
