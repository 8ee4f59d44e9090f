package io.tidemark.message;

import com.fasterxml.jackson.annotation.JsonProperty;

/**
 * The field {@code certification} of records of calibrators: when a boundary is certified.
 *
 * @param alpha     the probability of a harmful move that the test allows
 * @param tested    K, the number of boundaries below full LoRA that are tested
 * @param threshold ln E from which on a boundary is certified
 */
public record Certification(
        @JsonProperty(required = true) double alpha,
        @JsonProperty(required = true) int tested,
        @JsonProperty(required = true) double threshold) {

    /** @throws IllegalArgumentException if {@code alpha} is no probability, or no boundary is tested */
    public Certification {
        if (!(alpha > 0 && alpha < 1) || tested < 1) {
            throw new IllegalArgumentException(
                    "certification must have an alpha between 0 and 1, and tested 1 or more");
        }
    }
}
