package io.tidemark.message;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

/**
 * Examples of accepted validation batches that an epoch does not count.
 *
 * @param repeats        examples that were counted before in the epoch or are in a batch more than once, and all
 *                       examples of repeated groups
 * @param repeatedGroups groups with a name that was counted before in the epoch
 * @param refused        examples that are longer than the context of the model, or whose score with full LoRA is not
 *                       finite
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record UncountedExamples(
        @JsonProperty(required = true) int repeats,
        @JsonProperty(required = true) int repeatedGroups,
        @JsonProperty(required = true) int refused) {

    public static final UncountedExamples NONE = new UncountedExamples(0, 0, 0);

    /** @throws IllegalArgumentException if a number is negative */
    public UncountedExamples {
        if (repeats < 0 || repeatedGroups < 0 || refused < 0) {
            throw new IllegalArgumentException("repeats, repeated_groups and refused must not be negative: " + repeats
                    + ", " + repeatedGroups + ", " + refused);
        }
    }

    /** The examples of both. A sum above the largest integer is the largest integer. */
    public UncountedExamples plus(UncountedExamples other) {
        return new UncountedExamples(
                added(repeats, other.repeats),
                added(repeatedGroups, other.repeatedGroups),
                added(refused, other.refused));
    }

    private static int added(int first, int second) {
        return (int) Math.min(Integer.MAX_VALUE, (long) first + second);
    }
}
