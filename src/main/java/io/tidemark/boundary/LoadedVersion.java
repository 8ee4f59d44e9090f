package io.tidemark.boundary;

/**
 * The adapter version that a worker has loaded, as far as boundaries care.
 *
 * @param baseModel the base model's name, {@code tidemark.model.name}
 * @param digest    SHA-256 of the adapter in lower-case hexadecimal
 * @param numLayers decoder layers of the base model
 */
public record LoadedVersion(String baseModel, String digest, int numLayers) {

    public LoadedVersion {
        if (numLayers < 1) {
            throw new IllegalArgumentException("a model has at least one layer: " + numLayers);
        }
    }
}
