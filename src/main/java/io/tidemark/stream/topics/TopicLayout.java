package io.tidemark.stream.topics;

import io.tidemark.stream.settings.TidemarkSettings.TopicSettings;
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
 * @param partitions            of requests, events, results and their dead letters
 * @param calibrationPartitions of validation batches and their dead letters
 * @param replicationFactor     -1 for the default of the broker
 */
public record TopicLayout(
        String requests,
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

    public static TopicLayout of(TopicSettings settings) {
        String prefix = settings.prefix().orElse("");
        return new TopicLayout(
                prefix + settings.generationRequests(),
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

    /** All topics as they are created; their {@code cleanup.policy} is required of existing topics, too. */
    List<NewTopic> newTopics() {
        Map<String, String> largeRecords = maxMessageBytes(TopicSettings.MAX_RECORD_BYTES);
        return List.of(
                deleted(requests, partitions, largeRecords),
                deleted(events, partitions, Map.of()),
                deleted(results, partitions, maxMessageBytes(KafkaConnection.MAX_REQUEST_BYTES)),
                deleted(
                        cancellations,
                        1,
                        Map.of(TopicConfig.RETENTION_MS_CONFIG, Long.toString(CANCELLATION_RETENTION_MS))),
                deleted(deadLetters, partitions, largeRecords),
                deleted(validationBatches, calibrationPartitions, largeRecords),
                deleted(validationDeadLetters, calibrationPartitions, largeRecords),
                compacted(boundaries, Map.of()),
                compacted(calibrationState, largeRecords),
                compacted(adapters, Map.of()));
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
