package io.tidemark.boundary;

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
 * One value of the topic {@code adapter-boundaries}. What can be left out in a record set by hand is optional; without
 * a digest and a number of layers it holds for any loaded version with enough layers.
 *
 * @param adapter          the adapter's id, equal to the record's key
 * @param adapterDigest    the version that was calibrated, in lower-case hexadecimal
 * @param baseModel        the base model's name
 * @param numLayers        decoder layers of the base model, 1 or more
 * @param boundary         0 .. numLayers
 * @param objective        the objective that chose it, in its written form
 * @param curve            mean log-likelihood per gold token in nats at boundaries 0 .. numLayers; empty when unknown
 * @param samples          validation examples behind the curve
 * @param previousBoundary the boundary before this record
 * @param reason           why it was written, a sentence for people
 * @param calibratedAt     when it was decided
 * @param pinned           true when it was set by hand and no calibrator may move it
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record BoundaryRecord(
        @JsonProperty(required = true) @JsonSetter(nulls = Nulls.FAIL)
        String adapter,

        Optional<String> adapterDigest,
        Optional<String> baseModel,
        OptionalInt numLayers,

        @JsonProperty(required = true) @JsonSetter(nulls = Nulls.FAIL)
        int boundary,

        Optional<String> objective,
        List<Double> curve,
        OptionalLong samples,
        OptionalInt previousBoundary,
        Optional<String> reason,
        Optional<Instant> calibratedAt,
        boolean pinned) {

    /** @throws IllegalArgumentException when the parts contradict each other */
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

    /** A record as a person sets it: pinned, and true for any version of the adapter with enough layers. */
    public static BoundaryRecord setByHand(String adapter, Boundary boundary, String reason, Instant now) {
        return new BoundaryRecord(
                adapter,
                Optional.empty(),
                Optional.empty(),
                OptionalInt.empty(),
                boundary.layers(),
                Optional.empty(),
                List.of(),
                OptionalLong.empty(),
                OptionalInt.empty(),
                Optional.of(reason),
                Optional.of(now),
                true);
    }

    private static void require(boolean holds, String message) {
        if (!holds) {
            throw new IllegalArgumentException(message);
        }
    }
}
