package io.tidemark.text;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.commons.text.similarity.LevenshteinDistance;

/**
 * The names that are similar to an unknown one. The cost of a search does not depend on the number of names: only names
 * of similar length are compared, and not more than {@value #MAX_COMPARED} of them. Immutable.
 */
public final class NearestNames {

    static final int MAX_COMPARED = 1000;

    private static final int MAX_DISTANCE = 5;

    private final Map<Integer, List<String>> byLength = new HashMap<>();

    public NearestNames(Collection<String> names) {
        for (String name : names) {
            byLength.computeIfAbsent(name.length(), length -> new ArrayList<>()).add(name);
        }
    }

    private record Near(String name, int distance) {}

    /**
     * The most similar names, most similar first: those with a Levenshtein distance of at most a third of the unknown
     * name's length, and at most {@value #MAX_DISTANCE}.
     *
     * @param most the most names to return
     */
    public List<String> to(String unknown, int most) {
        int limit = Math.max(1, Math.min(MAX_DISTANCE, unknown.length() / 3));
        LevenshteinDistance distances = new LevenshteinDistance(limit);
        List<Near> found = new ArrayList<>();
        int compared = 0;
        // the difference of the lengths is a lower limit of the distance
        for (int difference = 0; difference <= limit; difference++) {
            for (int length : difference == 0 ? new int[] {0} : new int[] {difference, -difference}) {
                for (String name : byLength.getOrDefault(unknown.length() + length, List.of())) {
                    if (compared < MAX_COMPARED) {
                        compared++;
                        int distance = distances.apply(unknown, name);
                        if (distance >= 0) {
                            found.add(new Near(name, distance));
                        }
                    }
                }
            }
        }
        return found.stream()
                .sorted(Comparator.comparingInt(Near::distance).thenComparing(Near::name))
                .limit(most)
                .map(Near::name)
                .toList();
    }
}
