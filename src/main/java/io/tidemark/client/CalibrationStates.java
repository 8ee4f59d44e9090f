package io.tidemark.client;

import io.tidemark.message.CalibrationStateRecord;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/** Reads from the compacted topic {@code calibration-state} what calibrators have counted for an adapter. */
public final class CalibrationStates {

    private final Cluster cluster;
    private final String topic;

    public CalibrationStates(Cluster cluster, Topics topics) {
        this.cluster = cluster;
        this.topic = topics.calibrationState();
    }

    private record Written(long offset, CalibrationStateRecord state) {}

    /**
     * Returns the latest state of every partition, base and compute type, the one that was written last at the end.
     * Values that are not states are ignored, as calibrators do.
     *
     * @throws ClientException if the topic cannot be read
     */
    public List<CalibrationStateRecord> read(String adapter) {
        Map<String, Written> states = new HashMap<>();
        cluster.read(topic, Optional.empty(), record -> {
            if (record.key() == null || !record.key().startsWith(adapter + "/")) {
                return;
            }
            states.remove(record.key());
            parse(record)
                    .filter(state -> state.adapter().equals(adapter))
                    .ifPresent(state -> states.put(record.key(), new Written(record.offset(), state)));
        });
        List<Written> ordered = new ArrayList<>(states.values());
        ordered.sort(Comparator.comparingLong(Written::offset));
        return ordered.stream().map(Written::state).toList();
    }

    /** Parses a state; empty for an invalid one and for a tombstone. */
    private static Optional<CalibrationStateRecord> parse(ConsumerRecord<String, byte[]> record) {
        try {
            return Optional.of(CalibrationStateRecord.parse(record.key(), record.value()));
        } catch (IllegalArgumentException e) {
            return Optional.empty();
        }
    }
}
