package io.tidemark.boundary;

import java.util.Locale;
import java.util.Optional;

/** The boundary that applies to a loaded adapter version, and its origin. */
public sealed interface AppliedBoundary {

    /** The boundary, which is at most the number of layers of the loaded model. */
    Boundary boundary();

    /** The boundary in the boundary table is for the loaded version. */
    record FromTable(Boundary boundary) implements AppliedBoundary {}

    /** Full LoRA, because the boundary table has no boundary for the loaded version. */
    record FullLora(Boundary boundary, FullLoraReason reason) implements AppliedBoundary {}

    /**
     * Applies a boundary to a loaded version: the boundary itself if the version matches and its model has enough
     * layers, full LoRA otherwise.
     *
     * @param versions the versions that the boundary is for
     */
    static AppliedBoundary of(Boundary boundary, VersionPattern versions, LoadedVersion loaded) {
        Optional<FullLoraReason> mismatch = versions.mismatch(loaded);
        if (mismatch.isPresent()) {
            return fullLora(loaded, mismatch.get());
        }
        return boundary.layers() > loaded.numLayers()
                ? fullLora(loaded, FullLoraReason.NOT_ENOUGH_LAYERS)
                : new FromTable(boundary);
    }

    /** Full LoRA for a loaded version that has no boundary. */
    static AppliedBoundary fullLora(LoadedVersion loaded, FullLoraReason reason) {
        return new FullLora(Boundary.full(loaded.numLayers()), reason);
    }

    /** Why the boundary table does not determine the boundary. */
    enum FullLoraReason {
        /** The table has no record for the adapter, or a tombstone. */
        NO_RECORD,
        /** The record cannot be parsed. */
        BROKEN_RECORD,
        /** The record names the digest of another adapter version. */
        FOREIGN_DIGEST,
        /** The record names another base model. */
        OTHER_BASE_MODEL,
        /** The record names the digest of another base model. */
        OTHER_BASE_DIGEST,
        /** The record names another number of layers. */
        OTHER_NUM_LAYERS,
        /** The record names no number of layers, and its boundary is above the number of layers of the model. */
        NOT_ENOUGH_LAYERS;

        /** The name in metrics and logs, such as {@code foreign_digest}. */
        public String label() {
            return name().toLowerCase(Locale.ROOT);
        }
    }
}
