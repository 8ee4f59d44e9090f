package io.tidemark.message;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonSetter;
import com.fasterxml.jackson.annotation.Nulls;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * One value of the topic {@code adapter-boundaries}; {@link TableEntry#parse} reads it and {@link TopicJson} writes it.
 * A record applies to a loaded adapter version if every field that is present matches the version. A record without
 * digests, a base model and a number of layers therefore applies to every version whose model has enough layers.
 *
 * @param adapter          the id of the adapter, equal to the record's key
 * @param adapterDigest    SHA-256 of the calibrated adapter version, in lower-case hexadecimal
 * @param baseModel        the name of the base model
 * @param baseDigest       the digest of the base model's files, in lower-case hexadecimal
 * @param numLayers        decoder layers of the base model, at least 1
 * @param boundary         0 to numLayers
 * @param objective        the objective that chose the boundary, in its written form
 * @param curve            mean log-likelihood per gold token in nats at the boundaries 0 to numLayers; empty if unknown
 * @param samples          number of validation examples behind the curve
 * @param previousBoundary the boundary that this record replaces
 * @param reason           why the record was written, for people
 * @param calibratedAt     when the boundary was chosen
 * @param pinned           true if an operator set the boundary; calibrators do not change it
 * @param evidence         the batch after which a calibrator wrote the record
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record BoundaryRecord(
        @JsonProperty(required = true) @JsonSetter(nulls = Nulls.FAIL)
        String adapter,

        Optional<String> adapterDigest,
        Optional<String> baseModel,
        Optional<String> baseDigest,
        OptionalInt numLayers,

        @JsonProperty(required = true) @JsonSetter(nulls = Nulls.FAIL)
        int boundary,

        Optional<String> objective,
        @JsonInclude(JsonInclude.Include.NON_EMPTY) List<Double> curve,
        OptionalLong samples,
        OptionalInt previousBoundary,
        Optional<String> reason,
        Optional<Instant> calibratedAt,
        boolean pinned,
        Optional<Evidence> evidence) {

    /**
     * The validation batch whose examples were the last ones before the decision.
     *
     * @param batchId   the id that its sender gave it
     * @param topic     the topic of the batch
     * @param partition the partition of the batch
     * @param offset    the offset of the batch
     */
    @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
    public record Evidence(
            @JsonProperty(required = true) @JsonSetter(nulls = Nulls.FAIL)
            String batchId,

            @JsonProperty(required = true) @JsonSetter(nulls = Nulls.FAIL)
            String topic,

            @JsonProperty(required = true) int partition,
            @JsonProperty(required = true) long offset) {}

    /** @throws IllegalArgumentException if a field is out of range or fields contradict each other */
    public BoundaryRecord {
        require(curve == null || curve.stream().allMatch(Objects::nonNull), "curve must hold numbers only");
        curve = curve == null ? List.of() : List.copyOf(curve);
        require(!adapter.isEmpty(), "adapter must not be empty");
        require(boundary >= 0, "boundary must not be negative");
        require(numLayers.isEmpty() || numLayers.getAsInt() >= 1, "num_layers must be 1 or more");
        require(numLayers.isEmpty() || boundary <= numLayers.getAsInt(), "boundary is above num_layers");
        require(
                curve.isEmpty() || numLayers.isEmpty() || curve.size() == numLayers.getAsInt() + 1,
                "curve must have num_layers + 1 values");
        require(curve.stream().allMatch(Double::isFinite), "curve must hold finite numbers");
        require(samples.isEmpty() || samples.getAsLong() >= 0, "samples must not be negative");
        require(
                previousBoundary.isEmpty() || previousBoundary.getAsInt() >= 0,
                "previous_boundary must not be negative");
    }

    /** A pinned record of an operator. It applies to every version of the adapter whose model has enough layers. */
    public static BoundaryRecord setByHand(String adapter, int boundary, String reason, Instant now) {
        return new BoundaryRecord(
                adapter,
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                OptionalInt.empty(),
                boundary,
                Optional.empty(),
                List.of(),
                OptionalLong.empty(),
                OptionalInt.empty(),
                Optional.of(reason),
                Optional.of(now),
                true,
                Optional.empty());
    }

    /** This record with the batch after which it is written. */
    public BoundaryRecord after(Evidence batch) {
        return new BoundaryRecord(
                adapter,
                adapterDigest,
                baseModel,
                baseDigest,
                numLayers,
                boundary,
                objective,
                curve,
                samples,
                previousBoundary,
                reason,
                calibratedAt,
                pinned,
                Optional.of(batch));
    }

    private static void require(boolean condition, String message) {
        if (!condition) {
            throw new IllegalArgumentException(message);
        }
    }
}
