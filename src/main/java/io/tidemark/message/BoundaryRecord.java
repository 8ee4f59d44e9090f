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
 * @param margin              accepted loss in nats per gold token of the test behind the record; this field and those
 *                            after it are absent in records of operators and of older calibrators
 * @param lossCap             largest loss of an example that counted, in nats per gold token
 * @param gainCap             largest gain of an example that counted, in nats per gold token
 * @param unit                {@code example} or {@code batch}
 * @param epoch               the epoch of the boundary, from 1
 * @param move                the number of the last move, 0 without one
 * @param logE                ln E of the boundary; absent for full LoRA
 * @param threshold           ln E from which on a boundary was certified
 * @param examplesAtMove      examples of the epoch at its last move, 0 without one
 * @param computeType         the numeric type of the linear modules that scored the examples
 * @param boundaryBeforeMove  the boundary that the last move replaced; a withdrawal leaves it unchanged
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
        OptionalDouble margin,
        OptionalDouble lossCap,
        OptionalDouble gainCap,
        Optional<String> unit,
        OptionalInt epoch,
        OptionalLong move,
        @JsonProperty("log_e") OptionalDouble logE,
        OptionalDouble threshold,
        OptionalLong examplesAtMove,
        Optional<String> computeType,
        OptionalInt boundaryBeforeMove,
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
     * How a calibrator tested the boundary: the fields of a record that are present together.
     *
     * @param computeType        the numeric type of the linear modules that scored the examples
     * @param logE               absent for full LoRA
     * @param boundaryBeforeMove absent before the first move
     */
    public record Tested(
            double margin,
            double lossCap,
            double gainCap,
            String unit,
            int epoch,
            long move,
            OptionalDouble logE,
            double threshold,
            long examplesAtMove,
            String computeType,
            OptionalInt boundaryBeforeMove) {}

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
        require(epoch.isEmpty() || epoch.getAsInt() >= 1, "epoch must be 1 or more");
        require(move.isEmpty() || move.getAsLong() >= 0, "move must not be negative");
        require(examplesAtMove.isEmpty() || examplesAtMove.getAsLong() >= 0, "examples_at_move must not be negative");
        require(
                boundaryBeforeMove.isEmpty() || boundaryBeforeMove.getAsInt() >= 0,
                "boundary_before_move must not be negative");
        require(scores == null || scores.stream().allMatch(Objects::nonNull), "scores must hold objects only");
        scores = scores == null ? List.of() : List.copyOf(scores);
    }

    /** A record without the fields of a test: one of an operator, or of an older calibrator. */
    public BoundaryRecord(
            String adapter,
            Optional<String> adapterDigest,
            Optional<String> baseModel,
            Optional<String> baseDigest,
            OptionalInt numLayers,
            int boundary,
            Optional<String> objective,
            List<Double> curve,
            OptionalLong samples,
            OptionalInt previousBoundary,
            Optional<String> reason,
            Optional<Instant> calibratedAt,
            boolean pinned,
            Optional<Evidence> evidence) {
        this(
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
                evidence,
                OptionalDouble.empty(),
                OptionalDouble.empty(),
                OptionalDouble.empty(),
                Optional.empty(),
                OptionalInt.empty(),
                OptionalLong.empty(),
                OptionalDouble.empty(),
                OptionalDouble.empty(),
                OptionalLong.empty(),
                Optional.empty(),
                OptionalInt.empty(),
                List.of());
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

    /**
     * The test behind the record; empty in records of operators and of older calibrators, and if one of its fields is
     * missing.
     */
    public Optional<Tested> tested() {
        boolean complete = margin.isPresent()
                && lossCap.isPresent()
                && gainCap.isPresent()
                && unit.isPresent()
                && epoch.isPresent()
                && move.isPresent()
                && threshold.isPresent()
                && examplesAtMove.isPresent()
                && computeType.isPresent();
        return complete
                ? Optional.of(new Tested(
                        margin.getAsDouble(),
                        lossCap.getAsDouble(),
                        gainCap.getAsDouble(),
                        unit.get(),
                        epoch.getAsInt(),
                        move.getAsLong(),
                        logE,
                        threshold.getAsDouble(),
                        examplesAtMove.getAsLong(),
                        computeType.get(),
                        boundaryBeforeMove))
                : Optional.empty();
    }

    /**
     * This record with the test behind it.
     *
     * @param scores the scored boundaries; they become {@code curve} if they are 0 to {@code numLayers}
     */
    public BoundaryRecord tested(Tested tested, List<Score> scores) {
        boolean all = numLayers.isPresent() && scores.size() == numLayers.getAsInt() + 1;
        return new BoundaryRecord(
                adapter,
                adapterDigest,
                baseModel,
                baseDigest,
                numLayers,
                boundary,
                objective,
                all ? scores.stream().map(Score::mean).toList() : List.of(),
                samples,
                previousBoundary,
                reason,
                calibratedAt,
                pinned,
                evidence,
                OptionalDouble.of(tested.margin),
                OptionalDouble.of(tested.lossCap),
                OptionalDouble.of(tested.gainCap),
                Optional.of(tested.unit),
                OptionalInt.of(tested.epoch),
                OptionalLong.of(tested.move),
                tested.logE,
                OptionalDouble.of(tested.threshold),
                OptionalLong.of(tested.examplesAtMove),
                Optional.of(tested.computeType),
                tested.boundaryBeforeMove,
                all ? List.of() : scores);
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
                Optional.of(batch),
                margin,
                lossCap,
                gainCap,
                unit,
                epoch,
                move,
                logE,
                threshold,
                examplesAtMove,
                computeType,
                boundaryBeforeMove,
                scores);
    }

    private static void require(boolean condition, String message) {
        if (!condition) {
            throw new IllegalArgumentException(message);
        }
    }
}
