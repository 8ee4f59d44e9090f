package io.tidemark.message;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * One value of the topic {@code boundary-decisions}: a decision on the boundary of an adapter version, with its
 * evidence. The key is the id of the adapter. Immutable.
 *
 * @param adapter       the id of the adapter
 * @param version       the version that was scored
 * @param decidedAt     when the decision was made
 * @param before        the boundary in force before the decision
 * @param boundary      the boundary in force after it
 * @param reason        why: such as {@code preferred} or {@code alarm}; {@value #RESET} by an operator
 * @param objective     the objective in its written form
 * @param move          the number of the last move after the decision, 0 without one
 * @param epoch         the epoch of the evidence; of a reset, the new one
 * @param test          what makes a boundary harmful
 * @param certification when a boundary is certified
 * @param watch         the e-detector of the boundary in force before the decision
 * @param boundaries    the boundaries of the epoch that are not dropped, ascending; the last one is full LoRA. Empty
 *                      for a reset
 * @param dropped       the boundaries of the epoch that are no longer scored, ascending
 * @param conflict      which settings of another calibrator of the group differ from those of this one
 * @param evidence      the batch after which the decision was made; absent for a reset
 * @param published     whether the boundary was published; false in shadow mode
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record BoundaryDecisionRecord(
        String adapter,
        AdapterVersion version,
        Instant decidedAt,
        @JsonProperty(required = true) int before,
        @JsonProperty(required = true) int boundary,
        String reason,
        String objective,
        @JsonProperty(required = true) long move,
        Epoch epoch,
        HarmTestRecord test,
        Certification certification,
        Watch watch,
        List<EvidenceRow> boundaries,
        List<DroppedBoundary> dropped,
        Optional<String> conflict,
        Optional<BoundaryRecord.Evidence> evidence,
        @JsonProperty(required = true) boolean published) {

    /** The {@code reason} of a decision of an operator that begins a new epoch with full LoRA. */
    public static final String RESET = "reset";

    private static final int SUMS = 5;

    /**
     * What was counted.
     *
     * @param number      k, from 1
     * @param examples    examples so far; a group counts as one
     * @param uncounted   examples that were not counted
     * @param batches     batches so far
     * @param maxExamples the number of examples at which the epoch ends
     * @param end         why the epoch ended with the decision: {@code full}, {@code alarm} or {@code settings}; why
     *                    the one before it ended, {@value #RESET}, for a reset. Absent if the epoch went on
     */
    @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
    public record Epoch(
            @JsonProperty(required = true) int number,
            @JsonProperty(required = true) long examples,
            UncountedExamples uncounted,
            @JsonProperty(required = true) int batches,
            @JsonProperty(required = true) int maxExamples,
            Optional<String> end) {}

    /**
     * The e-detector of the boundary in force.
     *
     * @param value     0 if the boundary is not watched
     * @param threshold the value at which the boundary is withdrawn
     */
    public record Watch(
            @JsonProperty(required = true) double value,
            @JsonProperty(required = true) double threshold) {}

    /**
     * The evidence for one boundary.
     *
     * @param boundary   0 to numLayers
     * @param mean       mean log-likelihood per gold token in nats, 0 without examples
     * @param difference mean difference to full LoRA, not capped
     * @param interval   half of the plain 95% confidence interval of the difference; descriptive, not valid at a chosen
     *                   time. Absent below two examples
     * @param capped     mean capped difference to full LoRA, of which ln E is the evidence; absent for full LoRA, and
     *                   without examples
     * @param logE       ln E; absent for full LoRA
     * @param certified  whether ln E is at its threshold, or the boundary is full LoRA
     * @param sums       the five sums G of its test, from which ln E follows; absent for full LoRA
     */
    public record EvidenceRow(
            @JsonProperty(required = true) int boundary,
            @JsonProperty(required = true) double mean,
            @JsonProperty(required = true) double difference,
            OptionalDouble interval,
            OptionalDouble capped,
            @JsonProperty("log_e") OptionalDouble logE,
            @JsonProperty(required = true) boolean certified,
            Optional<List<Double>> sums) {

        /** @throws IllegalArgumentException if there are sums, but not five */
        public EvidenceRow {
            sums = sums.map(List::copyOf);
            if (sums.isPresent() && sums.get().size() != SUMS) {
                throw new IllegalArgumentException(
                        "a boundary has " + SUMS + " sums, not " + sums.get().size());
            }
        }
    }

    public BoundaryDecisionRecord {
        boundaries = List.copyOf(boundaries);
        dropped = List.copyOf(dropped);
    }

    /** Whether another boundary is in force after the decision. */
    public boolean changesBoundary() {
        return before != boundary;
    }

    /**
     * Parses a value of the topic.
     *
     * @param key   the key of the Kafka record as text
     * @param value the value of the Kafka record, which may be null
     * @throws IllegalArgumentException if the value is not a record of this topic, or not one for this key
     */
    public static BoundaryDecisionRecord parse(String key, byte[] value) {
        BoundaryDecisionRecord decision = TopicJson.read(value, BoundaryDecisionRecord.class);
        if (!decision.adapter().equals(key)) {
            throw new IllegalArgumentException("the value has no decision on adapter '" + key + "'");
        }
        return decision;
    }
}
