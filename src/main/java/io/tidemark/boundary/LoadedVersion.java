package io.tidemark.boundary;

/**
 * The adapter version that a process has loaded, for comparison with boundary records and calibration states.
 *
 * @param baseModel   the name of the base model, {@code tidemark.model.name}
 * @param baseDigest  the digest of the base model's files in lower-case hexadecimal
 * @param computeType the numeric type of the linear modules, such as {@code int8}; boundary records do not name it
 * @param digest      SHA-256 of the adapter in lower-case hexadecimal
 * @param numLayers   decoder layers of the base model
 */
public record LoadedVersion(String baseModel, String baseDigest, String computeType, String digest, int numLayers) {

    public LoadedVersion {
        if (numLayers < 1) {
            throw new IllegalArgumentException("numLayers must be at least 1: " + numLayers);
        }
    }
}
