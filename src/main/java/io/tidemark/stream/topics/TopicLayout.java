package io.tidemark.stream.topics;

import io.tidemark.stream.settings.TopicNames;
import io.tidemark.stream.settings.TopicSettings;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** All topics, with the prefix in their names, as they are created when missing. */
public record TopicLayout(
        TopicSpec requests,
        TopicSpec events,
        TopicSpec results,
        TopicSpec cancellations,
        TopicSpec deadLetters,
        TopicSpec validationBatches,
        TopicSpec validationDeadLetters,
        TopicSpec boundaries,
        TopicSpec calibrationState,
        TopicSpec adapters,
        short replicationFactor) {

    private static final int LARGE_RECORD = 4 * 1024 * 1024;
    private static final int LARGEST_ANSWER = 5 * 1024 * 1024;

    public static TopicLayout of(TopicSettings topics) {
        String prefix = topics.prefix().orElse("");
        TopicNames names = topics.names();
        int partitions = topics.partitions();
        int calibration = topics.calibrationPartitions();
        return new TopicLayout(
                TopicSpec.deleted(prefix + names.generationRequests(), partitions)
                        .taking(LARGE_RECORD),
                TopicSpec.deleted(prefix + names.generationEvents(), partitions),
                TopicSpec.deleted(prefix + names.generationResults(), partitions)
                        .taking(LARGEST_ANSWER),
                TopicSpec.deleted(prefix + names.generationCancellations(), 1).keeping(TimeUnit.HOURS.toMillis(1)),
                TopicSpec.deleted(prefix + names.generationDeadLetters(), partitions)
                        .taking(LARGE_RECORD),
                TopicSpec.deleted(prefix + names.validationBatches(), calibration)
                        .taking(LARGE_RECORD),
                TopicSpec.deleted(prefix + names.validationDeadLetters(), calibration)
                        .taking(LARGE_RECORD),
                TopicSpec.compacted(prefix + names.adapterBoundaries(), 1),
                TopicSpec.compacted(prefix + names.calibrationState(), 1).taking(LARGE_RECORD),
                TopicSpec.compacted(prefix + names.adapters(), 1),
                topics.replicationFactor());
    }

    /** In the order in which they are created. */
    public List<TopicSpec> all() {
        return List.of(
                requests,
                events,
                results,
                cancellations,
                deadLetters,
                validationBatches,
                validationDeadLetters,
                boundaries,
                calibrationState,
                adapters);
    }
}
