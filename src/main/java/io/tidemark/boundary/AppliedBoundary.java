package io.tidemark.boundary;

import java.util.Locale;

/** The boundary that holds for a loaded adapter, and where it comes from. */
public sealed interface AppliedBoundary {

    /** The layers that use the adapter, never more than the model has. */
    Boundary boundary();

    /** The table's record fits the loaded version. */
    record FromTable(Boundary boundary) implements AppliedBoundary {}

    /** All layers, because the table says nothing that holds for the loaded version. */
    record FullLora(Boundary boundary, Reason reason) implements AppliedBoundary {}

    /** Why the table's word was not taken. */
    enum Reason {
        /** No record, or a tombstone. */
        NO_RECORD,
        /** The record cannot be read. */
        BROKEN_RECORD,
        /** The record names another version of the adapter. */
        FOREIGN_DIGEST,
        /** The record was made for another base model. */
        OTHER_BASE_MODEL,
        /** The record was made for a model with another number of layers. */
        OTHER_NUM_LAYERS,
        /** The record names no number of layers, and its boundary is above the model's. */
        NOT_ENOUGH_LAYERS;

        /** The name in metrics and logs, such as {@code foreign_digest}. */
        public String label() {
            return name().toLowerCase(Locale.ROOT);
        }
    }
}
