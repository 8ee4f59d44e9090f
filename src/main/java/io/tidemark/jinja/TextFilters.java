package io.tidemark.jinja;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Filters that make text of text; what is no text is printed first, as Jinja does. */
final class TextFilters {

    private static final Pattern TITLE_WORD =
            Pattern.compile("[-\\s({\\[<]+|[^-\\s({\\[<]+", Pattern.UNICODE_CHARACTER_CLASS);

    static final Map<String, Filter> ALL = Map.ofEntries(
            Map.entry("trim", TextFilters::trim),
            Map.entry("string", (value, a) -> Filters.plain(value instanceof Markup ? value : Printed.text(value), a)),
            Map.entry(
                    "safe",
                    (value, a) -> Filters.plain(value instanceof Markup ? value : new Markup(Printed.text(value)), a)),
            Map.entry("upper", (value, a) -> Filters.plain(Printed.text(value).toUpperCase(Locale.ROOT), a)),
            Map.entry("lower", (value, a) -> Filters.plain(Printed.text(value).toLowerCase(Locale.ROOT), a)),
            Map.entry("capitalize", (value, a) -> Filters.plain(PythonStrings.capitalized(Printed.text(value)), a)),
            Map.entry("title", (value, a) -> Filters.plain(title(Printed.text(value)), a)),
            Map.entry("join", TextFilters::join),
            Map.entry("replace", TextFilters::replace),
            Map.entry("indent", TextFilters::indent),
            Map.entry("format", (value, a) -> PercentFormat.format(Printed.text(value), a.positional())));

    private TextFilters() {}

    private static Object trim(Object value, Arguments arguments) {
        Object characters = arguments.bound("trim", 0, "chars").getOrDefault("chars", None.NONE);
        return PythonStrings.stripped(
                Printed.text(value),
                characters instanceof None
                        ? Optional.empty()
                        : Optional.of(Values.string(characters, "what is trimmed")),
                true,
                true);
    }

    private static String title(String text) {
        Matcher word = TITLE_WORD.matcher(text);
        StringBuilder title = new StringBuilder();
        while (word.find()) {
            title.append(PythonStrings.capitalized(word.group()));
        }
        return title.toString();
    }

    private static Object join(Object value, Arguments arguments) {
        Map<String, Object> bound = arguments.bound("join", 0, "d", "attribute");
        Object attribute = bound.getOrDefault("attribute", None.NONE);
        return Values.elements(value).stream()
                .map(each -> Printed.text(attribute instanceof None ? each : SelectFilters.attribute(each, attribute)))
                .collect(Collectors.joining(Printed.text(bound.getOrDefault("d", ""))));
    }

    private static Object replace(Object value, Arguments arguments) {
        Map<String, Object> bound = arguments.bound("replace", 2, "old", "new", "count");
        Object count = bound.getOrDefault("count", None.NONE);
        return PythonStrings.replaced(
                Printed.text(value),
                Printed.text(bound.get("old")),
                Printed.text(bound.get("new")),
                count instanceof None ? -1 : Values.integer(count, "count"));
    }

    private static Object indent(Object value, Arguments arguments) {
        Map<String, Object> bound = arguments.bound("indent", 0, "width", "first", "blank");
        Object width = bound.getOrDefault("width", 4L);
        String indent = width instanceof String text
                ? text
                : " ".repeat((int) Math.max(0, Values.integer(width, "indent's width")));
        boolean blank = Values.isTrue(bound.getOrDefault("blank", false));
        List<Object> lines = PythonStrings.lines(Printed.text(value) + "\n", false);
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < lines.size(); i++) {
            String line = (String) lines.get(i);
            boolean indented = i == 0 ? Values.isTrue(bound.getOrDefault("first", false)) : blank || !line.isEmpty();
            text.append(i == 0 ? "" : "\n").append(indented ? indent : "").append(line);
        }
        return text.toString();
    }
}
