package io.tidemark.stream.delivery.partition;

import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * The log that the offsets of a commit belong to. An offset alone names another record after a topic was created again,
 * or after an unclean election of a leader. {@link CommitMetadata} contains the identity as text.
 *
 * <p>It is not in the field for leader epochs of the commit. Kafka's consumer would take an epoch from there without
 * regard to the topic id. It would then refuse all leaders of a topic that was created again, whose epochs are smaller.
 *
 * @param topic id of the topic
 * @param epoch leader epoch of the newest record that was read
 */
public record LogIdentity(Optional<String> topic, OptionalInt epoch) {

    /** The identity in a commit that does not name its log. */
    public static final LogIdentity NONE = new LogIdentity(Optional.empty(), OptionalInt.empty());

    /** How many characters the text of an id has at most. */
    private static final int MAX_ID = 32;

    private static final String TOPIC = "topic";
    private static final String EPOCH = "epoch";

    /** Whether both name a topic, and not the same one. */
    boolean isOtherTopic(Optional<String> other) {
        return topic.isPresent() && other.isPresent() && !topic.equals(other);
    }

    /** The identity after a record of the same topic was read. */
    public LogIdentity at(int newest) {
        return epoch.isPresent() && epoch.getAsInt() >= newest ? this : new LogIdentity(topic, OptionalInt.of(newest));
    }

    /** @throws IllegalArgumentException if a field is invalid */
    static LogIdentity parse(Map<String, String> fields) {
        if (fields.getOrDefault(TOPIC, "").length() > MAX_ID) {
            throw new IllegalArgumentException("'topic' has more than " + MAX_ID + " characters");
        }
        return new LogIdentity(
                Optional.ofNullable(fields.get(TOPIC)),
                fields.containsKey(EPOCH) ? OptionalInt.of(Integer.parseInt(fields.get(EPOCH))) : OptionalInt.empty());
    }

    void appendTo(StringBuilder text) {
        topic.ifPresent(id -> text.append(' ').append(TOPIC).append('=').append(id));
        epoch.ifPresent(number -> text.append(' ').append(EPOCH).append('=').append(number));
    }
}
