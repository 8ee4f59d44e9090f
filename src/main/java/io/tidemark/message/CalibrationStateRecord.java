package io.tidemark.message;

import com.fasterxml.jackson.annotation.JsonAnyGetter;
import com.fasterxml.jackson.annotation.JsonAnySetter;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * One value of the topic {@code calibration-state}: the statistics of one version of an adapter over the batches of one
 * partition of {@code validation-batches}. Immutable. Doubles survive the JSON encoding without loss.
 *
 * @param adapter        the id of the adapter
 * @param inputPartition the partition of {@code validation-batches}
 * @param version        the version that scored the examples
 * @param countedBatches the last batches that were counted, oldest first: the hash of the id, a dot, and a digest of
 *                       the examples
 * @param settings       the settings of the calibrator that wrote the record, by their names
 * @param claim          the batch that a calibrator scores, or scored last without counting it
 * @param epoch          what counts in the epoch; absent before the first batch is counted
 * @param shadow         the boundary that would be in force, if a calibrator wrote the record in shadow mode
 * @param otherFields    fields of newer calibrators, which are written again
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record CalibrationStateRecord(
        String adapter,
        @JsonProperty(required = true) int inputPartition,
        AdapterVersion version,
        List<String> countedBatches,
        Map<String, String> settings,
        Optional<Claim> claim,
        Optional<CalibrationEpochRecord> epoch,
        Optional<Shadow> shadow,
        @JsonAnySetter @JsonAnyGetter Map<String, JsonNode> otherFields) {

    /**
     * The batch that a calibrator is about to score. Of two partitions with the same batch, the one whose claim is
     * first on the topic counts it.
     *
     * @param batch   the hash of the batch's id
     * @param offset  the offset of the batch in its input partition
     * @param content a digest of the batch's examples
     */
    public record Claim(
            String batch, @JsonProperty(required = true) long offset, String content) {}

    /**
     * The boundary that would be in force if the calibrators published their decisions.
     *
     * @param boundary       0 to L
     * @param epoch          the epoch of the decision, 0 without one
     * @param move           the number of the last move, 0 without one
     * @param examplesAtMove examples of the epoch at its last move, 0 without one
     * @param test           the test behind the decision; absent without a decision
     */
    @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
    public record Shadow(
            @JsonProperty(required = true) int boundary,
            @JsonProperty(required = true) int epoch,
            @JsonProperty(required = true) long move,
            @JsonProperty(required = true) long examplesAtMove,
            Optional<HarmTestRecord> test) {}

    public CalibrationStateRecord {
        countedBatches = List.copyOf(countedBatches);
        settings = Collections.unmodifiableMap(new TreeMap<>(settings));
        otherFields = otherFields == null ? Map.of() : Map.copyOf(otherFields);
    }

    /**
     * The key of the Kafka record: {@code ADAPTER/PARTITION/ADAPTER_DIGEST/BASE_DIGEST/COMPUTE_TYPE}. Compaction
     * therefore keeps the state of every version on every partition.
     */
    public String key() {
        return key(adapter, inputPartition, version);
    }

    /** The {@link #key()} of a record with these fields. */
    public static String key(String adapter, int inputPartition, AdapterVersion version) {
        return String.join(
                "/",
                adapter,
                Integer.toString(inputPartition),
                version.adapterDigest(),
                version.baseDigest(),
                version.computeType());
    }

    /**
     * Parses a value of the topic.
     *
     * @param key   the key of the Kafka record as text
     * @param value the value of the Kafka record, not null
     * @throws IllegalArgumentException if the value is not a record of this topic, or not one for this key
     */
    public static CalibrationStateRecord parse(String key, byte[] value) {
        CalibrationStateRecord state = TopicJson.read(value, CalibrationStateRecord.class);
        if (!state.key().equals(key)) {
            throw new IllegalArgumentException("the value has no state of adapter and partition '" + key + "'");
        }
        return state;
    }
}
