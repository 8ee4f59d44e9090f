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
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * One value of the topic {@code adapter-boundaries}; {@link TableEntry#parse} reads it and {@link TopicJson} writes it.
 * A record applies to a loaded adapter version if every field that is present matches the version. A record without
 * digests, a base model and a number of layers therefore applies to every version whose model has enough layers.
 *
 * @param adapter             the id of the adapter, equal to the record's key
 * @param adapterDigest       SHA-256 of the calibrated adapter version, in lower-case hexadecimal
 * @param baseModel           the name of the base model
 * @param baseDigest          the digest of the base model's files, in lower-case hexadecimal
 * @param numLayers           decoder layers of the base model, at least 1
 * @param boundary            0 to numLayers
 * @param objective           the objective that chose the boundary, in its written form
 * @param curve               mean log-likelihood per gold token in nats at the boundaries 0 to numLayers; empty if
 *                            unknown
 * @param samples             number of validation examples behind the curve
 * @param previousBoundary    the boundary that this record replaces
 * @param reason              why the record was written, for people
 * @param calibratedAt        when the boundary was chosen
 * @param pinned              true if an operator set the boundary; calibrators do not change it
 * @param evidence            the batch after which a calibrator wrote the record
 * @param test                how a calibrator tested the boundary; absent in records of operators, except those of a
 *                            reset, and of older calibrators
 * @param scores              in place of {@code curve} if not all boundaries were scored
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
        Optional<Evidence> evidence,
        Optional<Tested> test,
        @JsonInclude(JsonInclude.Include.NON_EMPTY) List<Score> scores) {

    /**
     * One boundary of a curve.
     *
     * @param boundary 0 to numLayers
     * @param mean     mean log-likelihood per gold token in nats
     */
    public record Score(
            @JsonProperty(required = true) int boundary,
            @JsonProperty(required = true) double mean) {

        public Score {
            require(
                    boundary >= 0 && Double.isFinite(mean),
                    "scores must have boundaries of 0 or more and finite means");
        }
    }

    /**
     * How a calibrator tested the boundary.
     *
     * @param margin             accepted loss in nats per gold token
     * @param lossCap            largest loss of an example that counted, in nats per gold token
     * @param gainCap            largest gain of an example that counted, in nats per gold token
     * @param unit               {@code example} or {@code batch}
     * @param epoch              the epoch of the boundary, from 1
     * @param move               the number of the last move, 0 without one
     * @param logE               ln E of the boundary; absent for full LoRA
     * @param threshold          ln E from which on a boundary was certified
     * @param examplesAtMove     examples of the epoch at its last move, 0 without one
     * @param computeType        the numeric type of the linear modules that scored the examples
     * @param boundaryBeforeMove the boundary that the last move replaced; a withdrawal leaves it unchanged. Absent
     *                           before the first move
     */
    @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
    public record Tested(
            @JsonProperty(required = true) double margin,
            @JsonProperty(required = true) double lossCap,
            @JsonProperty(required = true) double gainCap,

            @JsonProperty(required = true) @JsonSetter(nulls = Nulls.FAIL)
            String unit,

            @JsonProperty(required = true) int epoch,
            @JsonProperty(required = true) long move,
            @JsonProperty("log_e") OptionalDouble logE,
            @JsonProperty(required = true) double threshold,
            @JsonProperty(required = true) long examplesAtMove,

            @JsonProperty(required = true) @JsonSetter(nulls = Nulls.FAIL)
            String computeType,

            OptionalInt boundaryBeforeMove) {

        /** @throws IllegalArgumentException if a number is out of range */
        public Tested {
            require(epoch >= 1, "epoch must be 1 or more");
            require(move >= 0, "move must not be negative");
            require(examplesAtMove >= 0, "examples_at_move must not be negative");
            require(
                    boundaryBeforeMove.isEmpty() || boundaryBeforeMove.getAsInt() >= 0,
                    "boundary_before_move must not be negative");
        }
    }

    /**
     * The version of an adapter that a calibrator scored, on its base model.
     *
     * @param adapterDigest SHA-256 of the adapter version, in lower-case hexadecimal
     * @param baseModel     the name of the base model
     * @param baseDigest    the digest of the base model's files, in lower-case hexadecimal
     * @param numLayers     decoder layers of the base model
     */
    public record Version(String adapterDigest, String baseModel, String baseDigest, int numLayers) {}

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
            @JsonProperty(required = true) long offset) {

        /** Where the batch is, such as {@code validation-batches-0@41}. */
        public String position() {
            return topic + "-" + partition + "@" + offset;
        }
    }

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
        require(scores == null || scores.stream().allMatch(Objects::nonNull), "scores must hold objects only");
        scores = scores == null ? List.of() : List.copyOf(scores);
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
                Optional.empty(),
                Optional.empty(),
                List.of());
    }

    /**
     * A record for one version, with the test behind it.
     *
     * @param evidence absent for a reset by an operator
     * @param scores   the scored boundaries; they become {@code curve} if they are 0 to the number of layers
     */
    public static BoundaryRecord tested(
            String adapter,
            Version version,
            int boundary,
            String objective,
            long samples,
            int previousBoundary,
            String reason,
            Instant now,
            Optional<Evidence> evidence,
            Tested test,
            List<Score> scores) {
        boolean all = scores.size() == version.numLayers() + 1;
        return new BoundaryRecord(
                adapter,
                Optional.of(version.adapterDigest()),
                Optional.of(version.baseModel()),
                Optional.of(version.baseDigest()),
                OptionalInt.of(version.numLayers()),
                boundary,
                Optional.of(objective),
                all ? scores.stream().map(Score::mean).toList() : List.of(),
                OptionalLong.of(samples),
                OptionalInt.of(previousBoundary),
                Optional.of(reason),
                Optional.of(now),
                false,
                evidence,
                Optional.of(test),
                all ? List.of() : scores);
    }

    /** The version that the record names; empty if one of its fields is missing. */
    public Optional<Version> version() {
        return adapterDigest.isPresent() && baseModel.isPresent() && baseDigest.isPresent() && numLayers.isPresent()
                ? Optional.of(new Version(adapterDigest.get(), baseModel.get(), baseDigest.get(), numLayers.getAsInt()))
                : Optional.empty();
    }

    /** The boundary that the last move replaced; empty without a test, and before the first move. */
    public OptionalInt boundaryBeforeMove() {
        return test.map(Tested::boundaryBeforeMove).orElse(OptionalInt.empty());
    }

    private static void require(boolean condition, String message) {
        if (!condition) {
            throw new IllegalArgumentException(message);
        }
    }
}
