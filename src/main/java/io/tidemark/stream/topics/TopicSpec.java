package io.tidemark.stream.topics;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.config.TopicConfig;

/**
 * How one topic should be.
 *
 * @param cleanupPolicy   {@code delete} or {@code compact}
 * @param maxMessageBytes the largest record batch it takes; empty for the broker's default
 * @param retentionMs     how long records stay; empty for the broker's default
 */
public record TopicSpec(
        String name,
        int partitions,
        String cleanupPolicy,
        Optional<Integer> maxMessageBytes,
        Optional<Long> retentionMs) {

    static TopicSpec compacted(String name, int partitions) {
        return new TopicSpec(name, partitions, TopicConfig.CLEANUP_POLICY_COMPACT, Optional.empty(), Optional.empty());
    }

    static TopicSpec deleted(String name, int partitions) {
        return new TopicSpec(name, partitions, TopicConfig.CLEANUP_POLICY_DELETE, Optional.empty(), Optional.empty());
    }

    TopicSpec taking(int bytes) {
        return new TopicSpec(name, partitions, cleanupPolicy, Optional.of(bytes), retentionMs);
    }

    TopicSpec keeping(long milliseconds) {
        return new TopicSpec(name, partitions, cleanupPolicy, maxMessageBytes, Optional.of(milliseconds));
    }

    NewTopic toNewTopic(short replicationFactor) {
        Map<String, String> configs = new HashMap<>();
        configs.put(TopicConfig.CLEANUP_POLICY_CONFIG, cleanupPolicy);
        maxMessageBytes.ifPresent(b -> configs.put(TopicConfig.MAX_MESSAGE_BYTES_CONFIG, Integer.toString(b)));
        retentionMs.ifPresent(ms -> configs.put(TopicConfig.RETENTION_MS_CONFIG, Long.toString(ms)));
        return new NewTopic(
                        name,
                        Optional.of(partitions),
                        Optional.of(replicationFactor).filter(f -> f > 0))
                .configs(configs);
    }
}
