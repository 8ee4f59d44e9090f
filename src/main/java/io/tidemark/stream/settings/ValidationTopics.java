package io.tidemark.stream.settings;

import io.tidemark.stream.settings.TidemarkSettings.TopicSettings;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The topics of validation batches. An adapter belongs to one of them, the one with the longest prefix of its id: its
 * batches on other topics are refused. Therefore a sender with access to one topic can't change the boundaries of
 * adapters that belong to another one, and an adapter has one calibration state for each partition number.
 *
 * @param topics the topics, at least one, with different names and prefixes
 */
public record ValidationTopics(List<ValidationTopic> topics) {

    private static final String PROPERTY = "tidemark.topics.validation-batches";

    /**
     * @param name          the name of the topic, with the prefix of all topics
     * @param adapterPrefix how the ids of the adapters begin whose batches are accepted; empty for all ids
     */
    public record ValidationTopic(String name, String adapterPrefix) {}

    public ValidationTopics {
        topics = List.copyOf(topics);
    }

    /**
     * The topics of a setting whose values have the form {@code TOPIC} or {@code TOPIC=PREFIX}.
     *
     * @throws IllegalArgumentException if there is no name, or if two topics have the same name or prefix; the message
     *                                  begins with the name of the property
     */
    public static ValidationTopics of(TopicSettings settings) {
        String prefix = settings.prefix().orElse("");
        List<ValidationTopic> topics = new ArrayList<>();
        Set<String> names = new HashSet<>();
        Set<String> prefixes = new HashSet<>();
        for (String entry : settings.validationBatches()) {
            String[] parts = entry.split("=", 2);
            ValidationTopic topic =
                    new ValidationTopic(prefix + parts[0].strip(), parts.length == 1 ? "" : parts[1].strip());
            require(!parts[0].isBlank(), "'" + entry + "' is not TOPIC or TOPIC=PREFIX");
            require(names.add(topic.name()), "topic '" + topic.name() + "' is named twice");
            require(
                    prefixes.add(topic.adapterPrefix()),
                    "two topics have the prefix '" + topic.adapterPrefix()
                            + "'; give each topic a prefix of adapter ids of its own, as in TOPIC=PREFIX");
            topics.add(topic);
        }
        require(!topics.isEmpty(), "must name a topic");
        return new ValidationTopics(topics);
    }

    private static void require(boolean valid, String message) {
        if (!valid) {
            throw new IllegalArgumentException(PROPERTY + ": " + message);
        }
    }

    /** The names of all topics, in the order of the setting. */
    public List<String> names() {
        return topics.stream().map(ValidationTopic::name).toList();
    }

    /** The topic to which an adapter belongs; empty if its id has none of the prefixes. */
    public Optional<String> topicOf(String adapter) {
        return topics.stream()
                .filter(topic -> adapter.startsWith(topic.adapterPrefix()))
                .max(Comparator.comparingInt(topic -> topic.adapterPrefix().length()))
                .map(ValidationTopic::name);
    }
}
