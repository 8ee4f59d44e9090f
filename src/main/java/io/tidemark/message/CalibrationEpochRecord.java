package io.tidemark.message;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * The part of a value of the topic {@code calibration-state} that belongs to an epoch. Its size depends on the number
 * of boundaries only. Doubles survive the JSON encoding without loss. Immutable.
 *
 * @param epoch      the number of the epoch, from 1
 * @param margin     accepted loss in nats per gold token
 * @param lossCap    largest loss of an example that counts, in nats per gold token
 * @param gainCap    largest gain of an example that counts, in nats per gold token
 * @param unit       {@code example} or {@code batch}
 * @param candidates the candidate boundaries of the settings, ascending, with 0 and L
 * @param kept       the boundary in force at the start of the epoch if it is no candidate
 * @param batches    number of batches
 * @param statistics the scores at the boundaries of the epoch
 * @param sums       five sums of logarithms for each boundary of the epoch below L, boundary by boundary
 * @param capped     the sum of the capped differences for each boundary of the epoch below L; absent in records of
 *                   builds between two releases
 * @param watch      the e-detector of the last move
 * @param filter     base64 of the 8,192 bytes of the filter of counted examples
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record CalibrationEpochRecord(
        @JsonProperty(required = true) int epoch,
        @JsonProperty(required = true) double margin,
        @JsonProperty(required = true) double lossCap,
        @JsonProperty(required = true) double gainCap,
        String unit,
        List<Integer> candidates,
        OptionalInt kept,
        @JsonProperty(required = true) int batches,
        CalibrationStateRecord.Statistics statistics,
        List<Double> sums,
        Optional<List<Double>> capped,
        Watch watch,
        String filter) {

    /**
     * The e-detector of a boundary in force.
     *
     * @param move     the number of the move, 0 if there was none
     * @param boundary the boundary that the move put in force
     * @param values   a value for each of its three bets
     */
    public record Watch(
            @JsonProperty(required = true) long move,
            @JsonProperty(required = true) int boundary,
            List<Double> values) {

        public Watch {
            values = List.copyOf(values);
        }
    }

    public CalibrationEpochRecord {
        candidates = List.copyOf(candidates);
        sums = List.copyOf(sums);
        capped = capped.map(List::copyOf);
    }
}
