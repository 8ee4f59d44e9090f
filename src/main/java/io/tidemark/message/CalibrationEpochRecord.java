package io.tidemark.message;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * The part of a value of the topic {@code calibration-state} that belongs to an epoch. Its size depends on the number
 * of boundaries only. Doubles survive the JSON encoding without loss. Immutable.
 *
 * @param epoch      the number of the epoch, from 1
 * @param test       what makes a boundary harmful
 * @param candidates the candidate boundaries of the settings, ascending, with 0 and L
 * @param kept       the boundary in force at the start of the epoch if it is no candidate
 * @param dropped    the boundaries that are no longer scored; absent before this is decided
 * @param batches    number of batches
 * @param examples   number of examples; a group counts as one
 * @param uncounted  examples that were not counted
 * @param statistics the scores at the boundaries of the epoch that are not dropped
 * @param sums       five sums of logarithms for each of these boundaries below L, boundary by boundary
 * @param capped     the sum of the capped differences for each of these boundaries below L
 * @param watch      the e-detector of the last move
 * @param filter     base64 of the 16,384 bytes of the filter of counted examples
 */
public record CalibrationEpochRecord(
        @JsonProperty(required = true) int epoch,
        HarmTestRecord test,
        List<Integer> candidates,
        OptionalInt kept,
        Optional<List<DroppedBoundary>> dropped,
        @JsonProperty(required = true) int batches,
        @JsonProperty(required = true) long examples,
        UncountedExamples uncounted,
        Statistics statistics,
        List<Double> sums,
        List<Double> capped,
        WatchRecord watch,
        String filter) {

    /**
     * Sufficient statistics of the examples' scores.
     *
     * @param count     the number of examples
     * @param means     the mean score at the boundaries of the epoch
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
     * The e-detector of a boundary in force.
     *
     * @param move     the number of the move, 0 if there was none
     * @param boundary the boundary that the move put in force
     * @param values   a value for each of its three bets
     */
    public record WatchRecord(
            @JsonProperty(required = true) long move,
            @JsonProperty(required = true) int boundary,
            List<Double> values) {

        public WatchRecord {
            values = List.copyOf(values);
        }
    }

    public CalibrationEpochRecord {
        candidates = List.copyOf(candidates);
        dropped = dropped.map(List::copyOf);
        sums = List.copyOf(sums);
        capped = List.copyOf(capped);
    }
}
