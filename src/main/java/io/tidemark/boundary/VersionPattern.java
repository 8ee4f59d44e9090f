package io.tidemark.boundary;

import io.tidemark.boundary.AppliedBoundary.FullLoraReason;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * The adapter versions that a boundary is for. A version matches if it equals every field that is present, so a pattern
 * without fields matches every version.
 *
 * @param adapterDigest SHA-256 of the adapter in lower-case hexadecimal
 * @param baseModel     the name of the base model
 * @param baseDigest    the digest of the base model's files in lower-case hexadecimal
 * @param numLayers     decoder layers of the base model
 */
public record VersionPattern(
        Optional<String> adapterDigest,
        Optional<String> baseModel,
        Optional<String> baseDigest,
        OptionalInt numLayers) {

    /** Matches every version. */
    public static final VersionPattern ANY =
            new VersionPattern(Optional.empty(), Optional.empty(), Optional.empty(), OptionalInt.empty());

    /** The first field that differs from a loaded version; empty if the version matches. */
    Optional<FullLoraReason> mismatch(LoadedVersion loaded) {
        if (adapterDigest.filter(digest -> !digest.equals(loaded.digest())).isPresent()) {
            return Optional.of(FullLoraReason.FOREIGN_DIGEST);
        }
        if (baseModel.filter(name -> !name.equals(loaded.baseModel())).isPresent()) {
            return Optional.of(FullLoraReason.OTHER_BASE_MODEL);
        }
        if (baseDigest.filter(digest -> !digest.equals(loaded.baseDigest())).isPresent()) {
            return Optional.of(FullLoraReason.OTHER_BASE_DIGEST);
        }
        if (numLayers.isPresent() && numLayers.getAsInt() != loaded.numLayers()) {
            return Optional.of(FullLoraReason.OTHER_NUM_LAYERS);
        }
        return Optional.empty();
    }
}
