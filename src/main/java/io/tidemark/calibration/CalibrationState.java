package io.tidemark.calibration;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.tidemark.boundary.LoadedVersion;
import java.util.List;

/**
 * All that is remembered about one adapter from one partition of the validation batches: one value of the topic
 * {@code calibration-state}. Immutable. {@link CalibrationStateFormat} turns it into JSON and back without loss.
 *
 * @param adapter        the adapter's id
 * @param inputPartition the partition of {@code validation-batches} that the examples came from
 * @param adapterDigest  the adapter version the examples were scored with
 * @param baseModel      the base model they were scored with
 * @param statistics     over those examples
 * @param countedBatches which batches are in them
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record CalibrationState(
        @JsonProperty(required = true) String adapter,
        @JsonProperty(required = true) int inputPartition,
        @JsonProperty(required = true) String adapterDigest,
        @JsonProperty(required = true) String baseModel,
        @JsonProperty(required = true) CurveStatistics statistics,
        @JsonProperty(required = true) CountedBatches countedBatches) {

    /** Nothing seen yet of this version. */
    public static CalibrationState fresh(String adapter, int inputPartition, LoadedVersion version) {
        return new CalibrationState(
                adapter,
                inputPartition,
                version.digest(),
                version.baseModel(),
                CurveStatistics.empty(version.numLayers()),
                CountedBatches.none());
    }

    /** The record's key: two partitions of one adapter must not compact each other away. */
    public String key() {
        return key(adapter, inputPartition);
    }

    public static String key(String adapter, int inputPartition) {
        return adapter + "/" + inputPartition;
    }

    /** Whether its evidence counts for an adapter that is loaded: of the same weights, on the same base model. */
    public boolean isAbout(LoadedVersion version) {
        return adapterDigest.equals(version.digest())
                && baseModel.equals(version.baseModel())
                && statistics.numLayers() == version.numLayers();
    }

    /** This state where it is about {@code version}, else a fresh one: scores of two versions don't mix. */
    public CalibrationState forVersion(LoadedVersion version) {
        return isAbout(version) ? this : fresh(adapter, inputPartition, version);
    }

    /** Whether a batch is among the last that were counted. */
    public boolean hasCounted(String batchId) {
        return countedBatches.contains(batchId);
    }

    /** With one more batch; the same state when that batch is in it already. */
    public CalibrationState plus(String batchId, List<ExampleScore> scores) {
        return hasCounted(batchId)
                ? this
                : new CalibrationState(
                        adapter,
                        inputPartition,
                        adapterDigest,
                        baseModel,
                        statistics.plus(scores),
                        countedBatches.plus(batchId));
    }
}
