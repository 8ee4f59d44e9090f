package io.tidemark.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Predicate;

/** Filters that look at each element: {@code map}, {@code select} and its kin, {@code unique}. */
final class SelectFilters {

    static final Map<String, Filter> ALL = Map.of(
            "select", (value, arguments) -> selected(value, arguments, false, true),
            "reject", (value, arguments) -> selected(value, arguments, false, false),
            "selectattr", (value, arguments) -> selected(value, arguments, true, true),
            "rejectattr", (value, arguments) -> selected(value, arguments, true, false),
            "map", SelectFilters::mapped,
            "unique", SelectFilters::unique);

    private SelectFilters() {}

    /** An attribute by name, by index, or by several of them with dots between. */
    static Object attribute(Object element, Object attribute) {
        if (attribute instanceof Long) {
            return Attributes.subscript(element, attribute);
        }
        Object found = element;
        for (String part : Values.string(attribute, "an attribute").split("\\.", -1)) {
            found = Attributes.subscript(found, part.matches("\\d+") ? (Object) Long.parseLong(part) : part);
        }
        return found;
    }

    private static Object selected(Object value, Arguments arguments, boolean byAttribute, boolean wanted) {
        Arguments rest = arguments;
        Object attribute = None.NONE;
        if (byAttribute) {
            if (arguments.positional().isEmpty()) {
                throw JinjaException.because("the filter needs an attribute's name");
            }
            attribute = arguments.positional().get(0);
            rest = arguments.rest();
        }
        Predicate<Object> test = test(rest);
        List<Object> selected = new ArrayList<>();
        for (Object element : elements(value)) {
            if (test.test(byAttribute ? attribute(element, attribute) : element) == wanted) {
                selected.add(element);
            }
        }
        return Elements.generated(selected);
    }

    /** Jinja takes whatever is false for nothing, None too. */
    private static List<Object> elements(Object value) {
        return Values.isTrue(value) ? Values.elements(value) : List.of();
    }

    private static Predicate<Object> test(Arguments arguments) {
        if (arguments.positional().isEmpty()) {
            return Values::isTrue;
        }
        String name = Values.string(arguments.positional().get(0), "a test's name");
        ValueTests.Test test = ValueTests.find(name)
                .orElseThrow(() -> JinjaException.because("the test '" + name + "' is not known here"));
        return element -> test.holds(element, arguments.rest());
    }

    private static Object mapped(Object value, Arguments arguments) {
        List<Object> mapped = new ArrayList<>();
        if (arguments.positional().isEmpty()) {
            Map<String, Object> bound = arguments.bound("map", 0, "attribute", "default");
            if (!bound.containsKey("attribute")) {
                throw JinjaException.because("'map' needs a filter or an attribute");
            }
            for (Object element : elements(value)) {
                Object found = attribute(element, bound.get("attribute"));
                mapped.add(found instanceof Undefined ? bound.getOrDefault("default", found) : found);
            }
            return Elements.generated(mapped);
        }
        String name = Values.string(arguments.positional().get(0), "a filter's name");
        Filter filter = Filters.find(name)
                .orElseThrow(() -> JinjaException.because("the filter '" + name + "' is not known here"));
        elements(value).forEach(element -> mapped.add(filter.apply(element, arguments.rest())));
        return Elements.generated(mapped);
    }

    private static Object unique(Object value, Arguments arguments) {
        Map<String, Object> bound = arguments.bound("unique", 0, "case_sensitive", "attribute");
        boolean exact = Values.isTrue(bound.getOrDefault("case_sensitive", false));
        Object attribute = bound.getOrDefault("attribute", None.NONE);
        List<Object> seen = new ArrayList<>();
        List<Object> unique = new ArrayList<>();
        for (Object element : Values.elements(value)) {
            Object key = attribute instanceof None ? element : attribute(element, attribute);
            Object folded = key instanceof String text && !exact ? text.toLowerCase(Locale.ROOT) : key;
            if (seen.stream().noneMatch(each -> Comparison.equal(each, folded))) {
                seen.add(folded);
                unique.add(element);
            }
        }
        return Elements.generated(unique);
    }
}
