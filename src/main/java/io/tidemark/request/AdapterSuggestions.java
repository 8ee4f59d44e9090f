package io.tidemark.request;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.commons.text.similarity.LevenshteinDistance;

/**
 * The registered adapter ids that are similar to an unknown one. Only for deployments whose senders may know all ids.
 * The cost of a search does not depend on the number of adapters: only ids of similar length are compared, and not more
 * than {@value #MAX_COMPARED} of them. Immutable.
 */
public final class AdapterSuggestions {

    /** Suggests nothing. */
    public static final AdapterSuggestions NONE = new AdapterSuggestions(List.of());

    static final int MAX_COMPARED = 1000;

    private static final int MAX_DISTANCE = 5;

    private final Map<Integer, List<String>> byLength = new HashMap<>();

    public AdapterSuggestions(Collection<String> ids) {
        for (String id : ids) {
            byLength.computeIfAbsent(id.length(), length -> new ArrayList<>()).add(id);
        }
    }

    /**
     * The most similar id: with the smallest Levenshtein distance, at most a third of the name's length and at most
     * {@value #MAX_DISTANCE}.
     */
    Optional<String> similarTo(String name) {
        // the next id must be nearer than this
        int nearest = 1 + Math.max(1, Math.min(MAX_DISTANCE, name.length() / 3));
        int compared = 0;
        Optional<String> best = Optional.empty();
        // the difference of the lengths is a lower limit of the distance
        for (int difference = 0; difference < nearest; difference++) {
            for (int length : difference == 0 ? new int[] {0} : new int[] {difference, -difference}) {
                for (String id : byLength.getOrDefault(name.length() + length, List.of())) {
                    if (compared == MAX_COMPARED || nearest == 0) {
                        return best;
                    }
                    compared++;
                    int distance = new LevenshteinDistance(nearest - 1).apply(name, id);
                    if (distance >= 0) {
                        nearest = distance;
                        best = Optional.of(id);
                    }
                }
            }
        }
        return best;
    }
}
