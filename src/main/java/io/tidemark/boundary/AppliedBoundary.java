package io.tidemark.boundary;

import java.util.Locale;
import java.util.Optional;

/** The boundary that applies to a loaded adapter version, and its origin. */
public sealed interface AppliedBoundary {

    /** At most the number of layers of the loaded model. */
    Boundary boundary();

    /** The record in the boundary table matches the loaded version. */
    record FromTable(Boundary boundary) implements AppliedBoundary {}

    /** Full LoRA, because the boundary table has no record that matches the loaded version. */
    record FullLora(Boundary boundary, Reason reason) implements AppliedBoundary {}

    /**
     * Applies a table entry to a loaded adapter version: the boundary of the record if every field of the record
     * matches the version, full LoRA otherwise.
     */
    static AppliedBoundary of(TableEntry entry, LoadedVersion loaded) {
        if (entry instanceof TableEntry.Present present) {
            Optional<Reason> mismatch = present.record().mismatch(loaded);
            return mismatch.isPresent()
                    ? full(loaded, mismatch.get())
                    : new FromTable(new Boundary(present.record().boundary()));
        }
        return full(loaded, entry instanceof TableEntry.Broken ? Reason.BROKEN_RECORD : Reason.NO_RECORD);
    }

    private static FullLora full(LoadedVersion loaded, Reason reason) {
        return new FullLora(Boundary.full(loaded.numLayers()), reason);
    }

    /** Why the boundary table does not determine the boundary. */
    enum Reason {
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
