package io.tidemark.stream.settings;

import java.util.List;

/**
 * The request topics without the prefix of their names, as {@code tidemark.topics.generation-requests} has them: ranks
 * in order of priority, and in each rank the topics that share by weight.
 */
public record RequestTopics(List<List<WeightedName>> ranks) {

    private static final String SETTING = "tidemark.topics.generation-requests";

    public RequestTopics {
        ranks = ranks.stream().map(List::copyOf).toList();
        WeightedName.requireDifferent(all(ranks));
    }

    /**
     * Reads the setting: one text for each rank, in which {@code |} separates topics of equal rank.
     *
     * @throws IllegalArgumentException whose message begins with the name of the setting
     */
    public static RequestTopics of(List<String> setting) {
        try {
            return new RequestTopics(setting.stream().map(WeightedName::listOf).toList());
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(SETTING + " must be " + e.getMessage(), e);
        }
    }

    /** The names of all topics, those of a higher rank first. */
    public List<String> names() {
        return all(ranks).stream().map(WeightedName::name).toList();
    }

    private static List<WeightedName> all(List<List<WeightedName>> ranks) {
        return ranks.stream().flatMap(List::stream).toList();
    }
}
