package io.tidemark.jinja;

import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Locale;
import java.util.Map;

/** Python's {@code strftime} in the C locale. */
final class Strftime {

    private static final Map<Character, String> PATTERNS = Map.ofEntries(
            Map.entry('Y', "yyyy"),
            Map.entry('y', "yy"),
            Map.entry('m', "MM"),
            Map.entry('B', "MMMM"),
            Map.entry('b', "MMM"),
            Map.entry('h', "MMM"),
            Map.entry('d', "dd"),
            Map.entry('e', "ppd"),
            Map.entry('j', "DDD"),
            Map.entry('A', "EEEE"),
            Map.entry('a', "EEE"),
            Map.entry('H', "HH"),
            Map.entry('I', "hh"),
            Map.entry('M', "mm"),
            Map.entry('S', "ss"),
            Map.entry('f', "SSSSSS"),
            Map.entry('p', "a"),
            Map.entry('F', "yyyy-MM-dd"),
            Map.entry('T', "HH:mm:ss"),
            Map.entry('R', "HH:mm"),
            Map.entry('D', "MM/dd/yy"),
            Map.entry('x', "MM/dd/yy"),
            Map.entry('X', "HH:mm:ss"),
            Map.entry('c', "EEE MMM ppd HH:mm:ss yyyy"));

    private Strftime() {}

    static String format(ZonedDateTime time, String format) {
        StringBuilder text = new StringBuilder();
        for (int at = 0; at < format.length(); at++) {
            char c = format.charAt(at);
            if (c != '%' || at + 1 == format.length()) {
                text.append(c);
                continue;
            }
            at++;
            boolean unpadded = format.charAt(at) == '-' && at + 1 < format.length();
            char kind = format.charAt(unpadded ? ++at : at);
            String field = field(time, kind);
            text.append(unpadded ? field.replaceFirst("^[0 ]+(?=.)", "") : field);
        }
        return text.toString();
    }

    private static String field(ZonedDateTime time, char kind) {
        if (kind == '%') {
            return "%";
        }
        if (!PATTERNS.containsKey(kind)) {
            throw JinjaException.because("strftime_now does not know '%" + kind + "' here");
        }
        return time.format(DateTimeFormatter.ofPattern(PATTERNS.get(kind), Locale.ENGLISH));
    }
}
