package io.tidemark.boundary;

/**
 * The adapter version that a process has loaded, for comparison with boundary records.
 *
 * @param baseModel the name of the base model, {@code tidemark.model.name}
 * @param digest    SHA-256 of the adapter in lower-case hexadecimal
 * @param numLayers decoder layers of the base model
 */
public record LoadedVersion(String baseModel, String digest, int numLayers) {

    public LoadedVersion {
        if (numLayers < 1) {
            throw new IllegalArgumentException("numLayers must be at least 1: " + numLayers);
        }
    }
}
