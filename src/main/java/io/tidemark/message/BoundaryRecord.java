package io.tidemark.message;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonSetter;
import com.fasterxml.jackson.annotation.Nulls;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/**
 * One value of the topic {@code adapter-boundaries}; {@link TableEntry#parse} reads it and {@link TopicJson} writes it.
 * A record of an operator pins the boundary: calibrators do not change it. All other records have a decision.
 *
 * @param adapter   the id of the adapter, equal to the record's key
 * @param boundary  0 to the number of layers
 * @param writer    who wrote the record; an operator if the field is absent, so that a record by hand can be short
 * @param version   the versions that the boundary is for; empty for every version whose model has enough layers
 * @param reason    why the record was written, for people
 * @param decidedAt when the boundary was chosen
 * @param decision  what a calibrator or a reset decided; empty in records of operators
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record BoundaryRecord(
        @JsonProperty(required = true) @JsonSetter(nulls = Nulls.FAIL)
        String adapter,

        @JsonProperty(required = true) @JsonSetter(nulls = Nulls.FAIL)
        int boundary,

        Writer writer,
        Optional<Version> version,
        Optional<String> reason,
        Optional<Instant> decidedAt,
        Optional<Decision> decision) {

    /** Who wrote a record. */
    public enum Writer {
        /** A calibrator, after a batch. */
        @JsonProperty("calibrator")
        CALIBRATOR,
        /** An operator, who pins the boundary. */
        @JsonProperty("operator")
        OPERATOR,
        /** An operator, who begins a new epoch with full LoRA. */
        @JsonProperty("reset")
        RESET;

        /** The form in records. */
        public String written() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /**
     * The versions that a boundary is for: those that equal every field that is present.
     *
     * @param adapterDigest SHA-256 of the adapter version, in lower-case hexadecimal
     * @param baseModel     the name of the base model
     * @param baseDigest    the digest of the base model's files, in lower-case hexadecimal
     * @param numLayers     decoder layers of the base model, at least 1
     */
    @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
    public record Version(
            Optional<String> adapterDigest,
            Optional<String> baseModel,
            Optional<String> baseDigest,
            OptionalInt numLayers) {

        public Version {
            require(numLayers.isEmpty() || numLayers.getAsInt() >= 1, "num_layers must be 1 or more");
        }

        private boolean isComplete() {
            return adapterDigest.isPresent()
                    && baseModel.isPresent()
                    && baseDigest.isPresent()
                    && numLayers.isPresent();
        }
    }

    /**
     * What a calibrator or a reset decided, and the test behind it.
     *
     * @param objective          the objective that chose the boundary, in its written form
     * @param samples            examples of the epoch
     * @param previousBoundary   the boundary that this record replaces
     * @param epoch              the epoch of the boundary, from 1
     * @param move               the number of the last move, 0 without one
     * @param examplesAtMove     examples of the epoch at its last move, 0 without one
     * @param boundaryBeforeMove the boundary that the last move replaced; a withdrawal leaves it unchanged. Absent
     *                           before the first move
     * @param computeType        the numeric type of the linear modules that scored the examples
     * @param test               what makes a boundary harmful
     * @param certification      when a boundary is certified
     * @param logE               ln E of the boundary; absent for full LoRA
     * @param scores             the scored boundaries; empty for a reset
     * @param evidence           the batch after which a calibrator decided; absent for a reset
     */
    @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
    public record Decision(
            @JsonProperty(required = true) @JsonSetter(nulls = Nulls.FAIL)
            String objective,

            @JsonProperty(required = true) long samples,
            @JsonProperty(required = true) int previousBoundary,
            @JsonProperty(required = true) int epoch,
            @JsonProperty(required = true) long move,
            @JsonProperty(required = true) long examplesAtMove,
            OptionalInt boundaryBeforeMove,

            @JsonProperty(required = true) @JsonSetter(nulls = Nulls.FAIL)
            String computeType,

            @JsonProperty(required = true) @JsonSetter(nulls = Nulls.FAIL)
            HarmTestRecord test,

            @JsonProperty(required = true) @JsonSetter(nulls = Nulls.FAIL)
            Certification certification,

            @JsonProperty("log_e") OptionalDouble logE,

            @JsonProperty(required = true) @JsonSetter(nulls = Nulls.FAIL)
            List<Score> scores,

            Optional<Evidence> evidence) {

        /** @throws IllegalArgumentException if a number is out of range */
        public Decision {
            require(samples >= 0, "samples must not be negative");
            require(previousBoundary >= 0, "previous_boundary must not be negative");
            require(epoch >= 1, "epoch must be 1 or more");
            require(move >= 0, "move must not be negative");
            require(examplesAtMove >= 0, "examples_at_move must not be negative");
            require(
                    boundaryBeforeMove.isEmpty() || boundaryBeforeMove.getAsInt() >= 0,
                    "boundary_before_move must not be negative");
            require(scores.stream().allMatch(Objects::nonNull), "scores must hold objects only");
            scores = List.copyOf(scores);
        }
    }

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
        writer = writer == null ? Writer.OPERATOR : writer;
        require(!adapter.isEmpty(), "adapter must not be empty");
        require(boundary >= 0, "boundary must not be negative");
        OptionalInt layers = version.map(Version::numLayers).orElse(OptionalInt.empty());
        require(layers.isEmpty() || boundary <= layers.getAsInt(), "boundary is above num_layers");
        if (writer == Writer.OPERATOR) {
            require(decision.isEmpty(), "a record of an operator has no decision");
        } else {
            require(
                    decision.isPresent() && version.filter(Version::isComplete).isPresent(),
                    "a record of a calibrator or a reset needs its decision and all fields of version");
            require(
                    decision.get().evidence().isPresent() == (writer == Writer.CALIBRATOR),
                    "a record of a calibrator needs evidence, and a reset has none");
        }
    }

    /** A record of an operator. It applies to every version of the adapter whose model has enough layers. */
    public static BoundaryRecord setByHand(String adapter, int boundary, String reason, Instant now) {
        return new BoundaryRecord(
                adapter,
                boundary,
                Writer.OPERATOR,
                Optional.empty(),
                Optional.of(reason),
                Optional.of(now),
                Optional.empty());
    }

    /** A record for one version, with the decision of a calibrator or a reset. */
    public static BoundaryRecord decided(
            String adapter,
            int boundary,
            Writer writer,
            AdapterVersion version,
            String reason,
            Instant now,
            Decision decision) {
        return new BoundaryRecord(
                adapter,
                boundary,
                writer,
                Optional.of(new Version(
                        Optional.of(version.adapterDigest()),
                        Optional.of(version.baseModel()),
                        Optional.of(version.baseDigest()),
                        OptionalInt.of(version.numLayers()))),
                Optional.of(reason),
                Optional.of(now),
                Optional.of(decision));
    }

    /** Whether the record is an operator's, which pins the boundary. */
    public boolean pins() {
        return writer == Writer.OPERATOR;
    }

    /** The version that was scored; empty in records of operators. */
    public Optional<AdapterVersion> scored() {
        return decision.map(decided -> new AdapterVersion(
                version.orElseThrow().adapterDigest().orElseThrow(),
                version.orElseThrow().baseModel().orElseThrow(),
                version.orElseThrow().baseDigest().orElseThrow(),
                decided.computeType(),
                version.orElseThrow().numLayers().orElseThrow()));
    }

    /** The boundary that the last move replaced; empty in records of operators, and before the first move. */
    public OptionalInt boundaryBeforeMove() {
        return decision.map(Decision::boundaryBeforeMove).orElse(OptionalInt.empty());
    }

    private static void require(boolean condition, String message) {
        if (!condition) {
            throw new IllegalArgumentException(message);
        }
    }
}
