package io.tidemark.stream.topics;

import io.tidemark.stream.settings.TidemarkSettings.TopicSettings;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.config.TopicConfig;

/**
 * The names of all topics, prefix included, and the partitions and configuration of those that {@link TopicSetup}
 * creates.
 *
 * @param requestTopics         the topics of requests in order of priority, at least one
 * @param partitions            of requests, events, results and their dead letters
 * @param calibrationPartitions of validation batches and their dead letters
 * @param replicationFactor     -1 for the default of the broker
 */
public record TopicLayout(
        List<String> requestTopics,
        String events,
        String results,
        String cancellations,
        String deadLetters,
        String validationBatches,
        String validationDeadLetters,
        String boundaries,
        String calibrationState,
        String adapters,
        int partitions,
        int calibrationPartitions,
        short replicationFactor) {

    private static final long CANCELLATION_RETENTION_MS = TimeUnit.HOURS.toMillis(1);

    public TopicLayout {
        requestTopics = List.copyOf(requestTopics);
    }

    public static TopicLayout of(TopicSettings settings) {
        String prefix = settings.prefix().orElse("");
        return new TopicLayout(
                settings.generationRequests().stream()
                        .map(name -> prefix + name.strip())
                        .toList(),
                prefix + settings.generationEvents(),
                prefix + settings.generationResults(),
                prefix + settings.generationCancellations(),
                prefix + settings.generationDeadLetters(),
                prefix + settings.validationBatches(),
                prefix + settings.validationDeadLetters(),
                prefix + settings.adapterBoundaries(),
                prefix + settings.calibrationState(),
                prefix + settings.adapters(),
                settings.partitions(),
                settings.calibrationPartitions(),
                settings.replicationFactor());
    }

    /** The topic of requests with the highest priority, which clients use. */
    public String requests() {
        return requestTopics.get(0);
    }

    /** All topics as they are created; their {@code cleanup.policy} is required of existing topics, too. */
    List<NewTopic> newTopics() {
        Map<String, String> largeRecords = maxMessageBytes(TopicSettings.MAX_RECORD_BYTES);
        List<NewTopic> topics = new ArrayList<>();
        requestTopics.forEach(name -> topics.add(deleted(name, partitions, largeRecords)));
        topics.add(deleted(events, partitions, Map.of()));
        topics.add(deleted(results, partitions, maxMessageBytes(KafkaConnection.MAX_REQUEST_BYTES)));
        topics.add(deleted(
                cancellations, 1, Map.of(TopicConfig.RETENTION_MS_CONFIG, Long.toString(CANCELLATION_RETENTION_MS))));
        topics.add(deleted(deadLetters, partitions, largeRecords));
        topics.add(deleted(validationBatches, calibrationPartitions, largeRecords));
        topics.add(deleted(validationDeadLetters, calibrationPartitions, largeRecords));
        topics.add(compacted(boundaries, Map.of()));
        topics.add(compacted(calibrationState, largeRecords));
        topics.add(compacted(adapters, Map.of()));
        return topics;
    }

    private NewTopic deleted(String name, int partitions, Map<String, String> configs) {
        return newTopic(name, partitions, TopicConfig.CLEANUP_POLICY_DELETE, configs);
    }

    private NewTopic compacted(String name, Map<String, String> configs) {
        return newTopic(name, 1, TopicConfig.CLEANUP_POLICY_COMPACT, configs);
    }

    private NewTopic newTopic(String name, int partitions, String cleanupPolicy, Map<String, String> configs) {
        Map<String, String> all = new HashMap<>(configs);
        all.put(TopicConfig.CLEANUP_POLICY_CONFIG, cleanupPolicy);
        return new NewTopic(
                        name,
                        Optional.of(partitions),
                        Optional.of(replicationFactor).filter(replicas -> replicas > 0))
                .configs(all);
    }

    private static Map<String, String> maxMessageBytes(int bytes) {
        return Map.of(TopicConfig.MAX_MESSAGE_BYTES_CONFIG, Integer.toString(bytes));
    }
}
