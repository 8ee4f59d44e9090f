package io.tidemark.message;

import com.fasterxml.jackson.annotation.JsonAnyGetter;
import com.fasterxml.jackson.annotation.JsonAnySetter;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * One value of the topic {@code calibration-state}: the statistics of one version of an adapter over the batches of one
 * partition of {@code validation-batches}. Immutable. Doubles survive the JSON encoding without loss.
 *
 * @param adapter        the id of the adapter
 * @param inputPartition the partition of {@code validation-batches}
 * @param adapterDigest  the adapter version that scored the examples
 * @param baseModel      the name of the base model that scored the examples
 * @param baseDigest     the digest of its files; absent in records of older calibrators
 * @param computeType    the numeric type of its linear modules; absent in records of older calibrators
 * @param statistics     what calibrators without epochs have counted; newer calibrators write no examples here
 * @param countedBatches the last batches that the statistics include, oldest first: hashes of their ids
 * @param countedContents for batches of {@code countedBatches}: the hash of the id, a dot, and a digest of the
 *                        examples; older calibrators write none
 * @param claim          the batch that a calibrator scores, or scored last without counting it
 * @param epoch          what counts in the epoch; absent in records of older calibrators
 * @param shadow         the boundary that would be in force, if a calibrator wrote the record in shadow mode
 * @param otherFields    fields of newer calibrators, which are written again
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record CalibrationStateRecord(
        String adapter,
        @JsonProperty(required = true) int inputPartition,
        String adapterDigest,
        String baseModel,
        Optional<String> baseDigest,
        Optional<String> computeType,
        Statistics statistics,
        List<String> countedBatches,
        Optional<List<String>> countedContents,
        Optional<Claim> claim,
        Optional<CalibrationEpochRecord> epoch,
        Optional<Shadow> shadow,
        @JsonAnySetter @JsonAnyGetter Map<String, JsonNode> otherFields) {

    /**
     * Sufficient statistics of the examples' scores.
     *
     * @param count     the number of examples
     * @param means     the mean score at the boundaries 0 to L
     * @param comoments the co-moments of every pair of boundaries: the upper triangle of the symmetric matrix, row by
     *                  row
     */
    public record Statistics(@JsonProperty(required = true) long count, List<Double> means, List<Double> comoments) {

        public Statistics {
            means = List.copyOf(means);
            comoments = List.copyOf(comoments);
        }
    }

    /**
     * The batch that a calibrator is about to score. Of two partitions with the same batch, the one whose claim is
     * first on the topic counts it.
     *
     * @param batch   the hash of the batch's id
     * @param offset  the offset of the batch in its input partition
     * @param content a digest of the batch's examples; absent in claims of older calibrators
     */
    public record Claim(
            String batch, @JsonProperty(required = true) long offset, Optional<String> content) {}

    /**
     * The boundary that would be in force if the calibrators published their decisions.
     *
     * @param boundary       0 to L
     * @param epoch          the epoch of the decision, 0 without one
     * @param move           the number of the last move, 0 without one
     * @param examplesAtMove examples of the epoch at its last move, 0 without one
     * @param margin         of the test behind the decision, in nats per gold token; this field and those after it are
     *                       absent without a decision
     * @param lossCap        in nats per gold token
     * @param gainCap        in nats per gold token
     * @param unit           {@code example} or {@code batch}
     */
    @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
    public record Shadow(
            @JsonProperty(required = true) int boundary,
            @JsonProperty(required = true) int epoch,
            @JsonProperty(required = true) long move,
            @JsonProperty(required = true) long examplesAtMove,
            OptionalDouble margin,
            OptionalDouble lossCap,
            OptionalDouble gainCap,
            Optional<String> unit) {}

    public CalibrationStateRecord {
        countedBatches = List.copyOf(countedBatches);
        countedContents = countedContents.map(List::copyOf);
        otherFields = otherFields == null ? Map.of() : Map.copyOf(otherFields);
    }

    /**
     * The key of the Kafka record: {@code ADAPTER/PARTITION/BASE_DIGEST/COMPUTE_TYPE}. Compaction therefore keeps the
     * state of every partition, and calibrators with different base models do not replace each other's states. Records
     * of older calibrators have the key {@code ADAPTER/PARTITION}.
     */
    public String key() {
        return key(adapter, inputPartition, baseDigest, computeType);
    }

    /** The {@link #key()} of a record with these fields. */
    public static String key(
            String adapter, int inputPartition, Optional<String> baseDigest, Optional<String> computeType) {
        return adapter + "/" + inputPartition
                + baseDigest.map(digest -> "/" + digest).orElse("")
                + computeType.map(type -> "/" + type).orElse("");
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
