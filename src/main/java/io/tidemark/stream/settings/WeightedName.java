package io.tidemark.stream.settings;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/**
 * A name and its weight among names of equal rank, written {@code NAME} or {@code NAME*WEIGHT}.
 *
 * @param weight 1 to {@value #MAX_WEIGHT}; default 1
 */
public record WeightedName(String name, int weight) {

    private static final int MAX_WEIGHT = 1000;

    /**
     * Reads names that are separated by {@code |}.
     *
     * @throws IllegalArgumentException for an empty name, a name that occurs twice, or an invalid weight
     */
    static List<WeightedName> listOf(String text) {
        List<WeightedName> names =
                Stream.of(text.split("\\|", -1)).map(WeightedName::of).toList();
        requireDifferent(names);
        return names;
    }

    static void requireDifferent(List<WeightedName> names) {
        Set<String> seen = new HashSet<>();
        for (WeightedName each : names) {
            if (!seen.add(each.name)) {
                throw new IllegalArgumentException("different names, not '" + each.name + "' twice");
            }
        }
    }

    private static WeightedName of(String text) {
        int star = text.lastIndexOf('*');
        String name = (star < 0 ? text : text.substring(0, star)).strip();
        if (name.isEmpty() || name.indexOf('*') >= 0) {
            throw new IllegalArgumentException("names or NAME*WEIGHT, not '" + text.strip() + "'");
        }
        return new WeightedName(
                name, star < 0 ? 1 : weight(text.substring(star + 1).strip()));
    }

    private static int weight(String text) {
        if (!text.matches("[0-9]{1,4}") || Integer.parseInt(text) < 1 || Integer.parseInt(text) > MAX_WEIGHT) {
            throw new IllegalArgumentException("weights from 1 to " + MAX_WEIGHT + ", not '" + text + "'");
        }
        return Integer.parseInt(text);
    }
}
