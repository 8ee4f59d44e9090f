package io.tidemark.stream.topics;

import io.tidemark.stream.settings.RequestTopics;
import io.tidemark.stream.settings.TidemarkSettings.Role;
import io.tidemark.stream.settings.TidemarkSettings.TopicSettings;
import io.tidemark.stream.settings.ValidationTopics;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.record.TimestampType;

/**
 * The names of all topics, prefix included, and the partitions and configuration of those that {@link TopicSetup}
 * creates.
 *
 * @param requestTopics         the request topics in order of priority, at least one
 * @param validationTopics      the topics of validation batches
 * @param partitions            how many partitions the topics of requests, events, results and their dead letters have
 * @param calibrationPartitions how many partitions the topics of validation batches and their dead letters have
 * @param replicationFactor     -1 for the default of the broker
 */
public record TopicLayout(
        List<String> requestTopics,
        String events,
        String results,
        String cancellations,
        String deadLetters,
        ValidationTopics validationTopics,
        String validationDeadLetters,
        String boundaries,
        String calibrationState,
        String boundaryDecisions,
        String adapters,
        String workerState,
        int partitions,
        int calibrationPartitions,
        short replicationFactor) {

    /**
     * Requests and cancellations have the time of the broker: a cancellation ends requests that are not newer, and the
     * clocks of clients differ.
     */
    private static final Map<String, String> APPEND_TIME =
            Map.of(TopicConfig.MESSAGE_TIMESTAMP_TYPE_CONFIG, TimestampType.LOG_APPEND_TIME.name);

    /**
     * Topics that clients write. Brokers decompress their batches and check the size of the decompressed ones. With
     * another value, Kafka limits the compressed size only, and a reader decompresses a record as a whole.
     */
    private static final Map<String, String> UNCOMPRESSED = Map.of(TopicConfig.COMPRESSION_TYPE_CONFIG, "uncompressed");

    private static final Map<String, String> CANCELLATION_RETENTION =
            Map.of(TopicConfig.RETENTION_MS_CONFIG, Long.toString(TimeUnit.HOURS.toMillis(1)));

    /** Most records replace an earlier one, and each start reads all that are left. */
    private static final Map<String, String> HEARTBEATS = Map.of(
            TopicConfig.SEGMENT_MS_CONFIG,
            Long.toString(TimeUnit.HOURS.toMillis(1)),
            TopicConfig.MIN_CLEANABLE_DIRTY_RATIO_CONFIG,
            "0.1");

    private static final Map<String, String> DECISION_RETENTION =
            Map.of(TopicConfig.RETENTION_MS_CONFIG, Long.toString(TimeUnit.DAYS.toMillis(30)));

    public TopicLayout {
        requestTopics = List.copyOf(requestTopics);
    }

    public static TopicLayout of(TopicSettings settings) {
        String prefix = settings.prefix().orElse("");
        return new TopicLayout(
                RequestTopics.of(settings.generationRequests()).names().stream()
                        .map(name -> prefix + name)
                        .toList(),
                prefix + settings.generationEvents(),
                prefix + settings.generationResults(),
                prefix + settings.generationCancellations(),
                prefix + settings.generationDeadLetters(),
                ValidationTopics.of(settings),
                prefix + settings.validationDeadLetters(),
                prefix + settings.adapterBoundaries(),
                prefix + settings.calibrationState(),
                prefix + settings.boundaryDecisions(),
                prefix + settings.adapters(),
                prefix + settings.workerState(),
                settings.partitions(),
                settings.calibrationPartitions(),
                settings.replicationFactor());
    }

    /** The request topic with the highest priority, which clients use. */
    public String requests() {
        return requestTopics.get(0);
    }

    /** The first topic of validation batches, which clients use. */
    public String validationBatches() {
        return validationTopics.names().get(0);
    }

    /**
     * The topics that a process of a role uses, as they are created. Their {@code cleanup.policy} is required of
     * existing topics, too. Another {@code message.timestamp.type} or {@code compression.type} of existing topics is
     * reported.
     */
    List<NewTopic> newTopics(Role role) {
        Map<String, String> largeRecords = maxMessageBytes(TopicSettings.MAX_RECORD_BYTES);
        Map<String, String> ofClients = with(largeRecords, UNCOMPRESSED);
        List<NewTopic> topics = new ArrayList<>();
        if (role.generates()) {
            requestTopics.forEach(name -> topics.add(deleted(name, partitions, with(ofClients, APPEND_TIME))));
            topics.add(deleted(events, partitions, Map.of()));
            topics.add(deleted(results, partitions, maxMessageBytes(KafkaConnection.MAX_REQUEST_BYTES)));
            topics.add(deleted(cancellations, 1, with(with(CANCELLATION_RETENTION, APPEND_TIME), UNCOMPRESSED)));
            topics.add(deleted(deadLetters, partitions, largeRecords));
        }
        topics.add(compacted(boundaries, Map.of()));
        topics.add(compacted(adapters, UNCOMPRESSED));
        topics.add(compacted(workerState, HEARTBEATS));
        if (role.calibrates()) {
            validationTopics.names().forEach(name -> topics.add(deleted(name, calibrationPartitions, ofClients)));
            topics.add(deleted(validationDeadLetters, calibrationPartitions, largeRecords));
            topics.add(compacted(calibrationState, largeRecords));
            topics.add(deleted(boundaryDecisions, 1, DECISION_RETENTION));
        }
        return topics;
    }

    private NewTopic deleted(String name, int partitions, Map<String, String> configs) {
        return newTopic(name, partitions, TopicConfig.CLEANUP_POLICY_DELETE, configs);
    }

    private NewTopic compacted(String name, Map<String, String> configs) {
        return newTopic(name, 1, TopicConfig.CLEANUP_POLICY_COMPACT, configs);
    }

    private NewTopic newTopic(String name, int partitions, String cleanupPolicy, Map<String, String> configs) {
        Map<String, String> all = with(configs, Map.of(TopicConfig.CLEANUP_POLICY_CONFIG, cleanupPolicy));
        return new NewTopic(
                        name,
                        Optional.of(partitions),
                        Optional.of(replicationFactor).filter(replicas -> replicas > 0))
                .configs(all);
    }

    private static Map<String, String> with(Map<String, String> configs, Map<String, String> more) {
        Map<String, String> all = new HashMap<>(configs);
        all.putAll(more);
        return all;
    }

    private static Map<String, String> maxMessageBytes(int bytes) {
        return Map.of(TopicConfig.MAX_MESSAGE_BYTES_CONFIG, Integer.toString(bytes));
    }
}
