package io.tidemark.message;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

/**
 * The field {@code version} of calibration states and decisions: the version of an adapter that a calibrator scores.
 *
 * @param adapterDigest SHA-256 of the adapter version, in lower-case hexadecimal
 * @param baseModel     the name of the base model
 * @param baseDigest    the digest of the base model's files, in lower-case hexadecimal
 * @param computeType   the numeric type of the linear modules that score the examples
 * @param numLayers     decoder layers of the base model, at least 1
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record AdapterVersion(
        String adapterDigest,
        String baseModel,
        String baseDigest,
        String computeType,
        @JsonProperty(required = true) int numLayers) {

    /** @throws IllegalArgumentException if there are no layers */
    public AdapterVersion {
        if (numLayers < 1) {
            throw new IllegalArgumentException("num_layers must be 1 or more");
        }
    }
}
