package io.tidemark.client;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.tidemark.message.CalibrationEpochRecord;
import io.tidemark.message.CalibrationStateRecord;
import io.tidemark.message.TopicJson;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Reads from the compacted topic {@code calibration-state} what calibrators have counted for an adapter. */
public final class CalibrationStates {

    private final Cluster cluster;
    private final String topic;

    public CalibrationStates(Cluster cluster, Topics topics) {
        this.cluster = cluster;
        this.topic = topics.calibrationState();
    }

    /**
     * The fields of a state that name what was counted. A state has more.
     *
     * @param statistics what calibrators without epochs have counted, at the boundaries 0 to L
     * @param epoch      what counts in the epoch; absent in states of older calibrators
     */
    @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
    public record State(
            String adapter,
            String adapterDigest,
            String baseModel,
            Optional<String> baseDigest,
            Optional<String> computeType,
            CalibrationStateRecord.Statistics statistics,
            Optional<CalibrationEpochRecord> epoch) {

        /** The number of layers L of the base model. */
        public int numLayers() {
            return statistics.means().size() - 1;
        }
    }

    private record Written(long offset, State state) {}

    /**
     * Returns the latest state of every partition, base and compute type, the one that was written last at the end.
     * Values that are not states are ignored, as calibrators do.
     *
     * @throws ClientException if the topic cannot be read
     */
    public List<State> read(String adapter) {
        Map<String, Written> states = new HashMap<>();
        cluster.read(topic, Optional.empty(), record -> {
            if (record.key() == null || !record.key().startsWith(adapter + "/")) {
                return;
            }
            states.remove(record.key());
            parse(record.value())
                    .filter(state -> state.adapter().equals(adapter))
                    .ifPresent(state -> states.put(record.key(), new Written(record.offset(), state)));
        });
        List<Written> ordered = new ArrayList<>(states.values());
        ordered.sort(Comparator.comparingLong(Written::offset));
        return ordered.stream().map(Written::state).toList();
    }

    /** Empty for a tombstone too. */
    private static Optional<State> parse(byte[] value) {
        try {
            return Optional.of(TopicJson.read(value, State.class))
                    .filter(state -> !state.statistics().means().isEmpty());
        } catch (IllegalArgumentException e) {
            return Optional.empty();
        }
    }
}
