package io.tidemark.jinja;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntPredicate;
import java.util.stream.Collectors;

/** The methods of Python's strings. */
final class StringMethods {

    private interface Method {
        Object call(String text, Arguments arguments);
    }

    private static final Map<String, Method> METHODS = Map.ofEntries(
            Map.entry("strip", (text, a) -> strip(text, a, true, true)),
            Map.entry("lstrip", (text, a) -> strip(text, a, true, false)),
            Map.entry("rstrip", (text, a) -> strip(text, a, false, true)),
            Map.entry("split", (text, a) -> split(text, a, false)),
            Map.entry("rsplit", (text, a) -> split(text, a, true)),
            Map.entry(
                    "splitlines",
                    (text, a) -> PythonStrings.lines(
                            text,
                            Values.isTrue(a.bound("splitlines", 0, "keepends").getOrDefault("keepends", false)))),
            Map.entry(
                    "startswith",
                    (text, a) -> affixes(a, "startswith").stream()
                            .anyMatch(each -> text.startsWith(Values.string(each, "a prefix")))),
            Map.entry(
                    "endswith",
                    (text, a) -> affixes(a, "endswith").stream()
                            .anyMatch(each -> text.endsWith(Values.string(each, "a suffix")))),
            Map.entry(
                    "removeprefix",
                    (text, a) -> text.startsWith(one(a, "removeprefix"))
                            ? text.substring(one(a, "removeprefix").length())
                            : text),
            Map.entry(
                    "removesuffix",
                    (text, a) -> text.endsWith(one(a, "removesuffix"))
                            ? text.substring(
                                    0, text.length() - one(a, "removesuffix").length())
                            : text),
            Map.entry("replace", StringMethods::replace),
            Map.entry(
                    "join",
                    (text, a) -> Values.elements(a.bound("join", 1, "iterable").get("iterable")).stream()
                            .map(each -> Values.string(each, "what is joined"))
                            .collect(Collectors.joining(text))),
            Map.entry("upper", (text, a) -> plain(text.toUpperCase(Locale.ROOT), a)),
            Map.entry("lower", (text, a) -> plain(text.toLowerCase(Locale.ROOT), a)),
            Map.entry("title", (text, a) -> plain(PythonStrings.title(text), a)),
            Map.entry("capitalize", (text, a) -> plain(PythonStrings.capitalized(text), a)),
            Map.entry("find", (text, a) -> position(text, text.indexOf(one(a, "find")))),
            Map.entry("rfind", (text, a) -> position(text, text.lastIndexOf(one(a, "rfind")))),
            Map.entry(
                    "count",
                    (text, a) -> (long) PythonStrings.split(text, one(a, "count"), -1)
                                    .size()
                            - 1),
            Map.entry("isspace", (text, a) -> all(text, a, PythonStrings::isSpace)),
            Map.entry("isalpha", (text, a) -> all(text, a, Character::isLetter)),
            Map.entry("isalnum", (text, a) -> all(text, a, Character::isLetterOrDigit)),
            Map.entry("isdigit", (text, a) -> all(text, a, Character::isDigit)),
            Map.entry(
                    "islower",
                    (text, a) -> plain(
                            text.equals(text.toLowerCase(Locale.ROOT))
                                    && text.codePoints().anyMatch(PythonStrings::isCased),
                            a)),
            Map.entry(
                    "isupper",
                    (text, a) -> plain(
                            text.equals(text.toUpperCase(Locale.ROOT))
                                    && text.codePoints().anyMatch(PythonStrings::isCased),
                            a)));

    private StringMethods() {}

    static Optional<Callable> find(String text, String name) {
        return Optional.ofNullable(METHODS.get(name)).map(method -> arguments -> method.call(text, arguments));
    }

    private static Object strip(String text, Arguments arguments, boolean left, boolean right) {
        Object characters = arguments.bound("strip", 0, "chars").getOrDefault("chars", None.NONE);
        return PythonStrings.stripped(
                text,
                characters instanceof None
                        ? Optional.empty()
                        : Optional.of(Values.string(characters, "what is stripped")),
                left,
                right);
    }

    private static Object split(String text, Arguments arguments, boolean right) {
        Map<String, Object> bound = arguments.bound("split", 0, "sep", "maxsplit");
        long most = Values.integer(bound.getOrDefault("maxsplit", -1L), "maxsplit");
        if (bound.getOrDefault("sep", None.NONE) instanceof None) {
            if (right && most >= 0) {
                throw JinjaException.because("rsplit at white space takes no maxsplit here");
            }
            return PythonStrings.words(text, most);
        }
        String separator = Values.string(bound.get("sep"), "a separator");
        return right ? PythonStrings.splitRight(text, separator, most) : PythonStrings.split(text, separator, most);
    }

    private static Object replace(String text, Arguments arguments) {
        Map<String, Object> bound = arguments.bound("replace", 2, "old", "new", "count");
        return PythonStrings.replaced(
                text,
                Values.string(bound.get("old"), "what is replaced"),
                Values.string(bound.get("new"), "a replacement"),
                Values.integer(bound.getOrDefault("count", -1L), "count"));
    }

    private static List<Object> affixes(Arguments arguments, String method) {
        Object given = arguments.bound(method, 1, "affix").get("affix");
        return given instanceof Tuple tuple ? tuple.elements() : List.of(given);
    }

    private static String one(Arguments arguments, String method) {
        return Values.string(arguments.bound(method, 1, "text").get("text"), "the argument of " + method);
    }

    private static Object position(String text, int at) {
        return at < 0 ? -1L : (long) text.codePointCount(0, at);
    }

    private static Object plain(Object result, Arguments arguments) {
        arguments.bound("the method", 0);
        return result;
    }

    private static Object all(String text, Arguments arguments, IntPredicate holds) {
        return plain(!text.isEmpty() && text.codePoints().allMatch(holds), arguments);
    }
}
