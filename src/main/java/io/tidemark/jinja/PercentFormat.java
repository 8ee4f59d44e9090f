package io.tidemark.jinja;

import java.util.Iterator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Python's {@code '%s' % value}, as far as templates use it: {@code %s}, {@code %d}, {@code %r} and {@code %%}. */
final class PercentFormat {

    private static final Pattern FIELD = Pattern.compile("%(.?)", Pattern.DOTALL);

    private PercentFormat() {}

    static String format(String format, Object given) {
        return format(format, given instanceof Tuple tuple ? tuple.elements() : List.of(given));
    }

    static String format(String format, List<Object> given) {
        Iterator<Object> values = given.iterator();
        Matcher field = FIELD.matcher(format);
        StringBuilder text = new StringBuilder();
        while (field.find()) {
            field.appendReplacement(
                    text, Matcher.quoteReplacement(field.group(1).equals("%") ? "%" : one(field.group(1), values)));
        }
        if (values.hasNext()) {
            throw JinjaException.because("a format has fewer fields than values");
        }
        return field.appendTail(text).toString();
    }

    private static String one(String kind, Iterator<Object> values) {
        if (!List.of("s", "d", "r").contains(kind)) {
            throw JinjaException.because("the format '%" + kind + "' is not known here");
        }
        if (!values.hasNext()) {
            throw JinjaException.because("a format has more fields than values");
        }
        Object value = values.next();
        return switch (kind) {
            case "s" -> Printed.text(value);
            case "r" -> Printed.representation(value);
            default -> String.valueOf(Values.integer(value, "a value for '%d'"));
        };
    }
}
