package io.tidemark.calibration;

import io.tidemark.message.BoundaryRecord;
import java.util.Locale;
import java.util.Optional;

/** The outcome of a validation batch for the boundary of an adapter. */
public sealed interface Decision {

    /** The record to publish on the topic {@code adapter-boundaries}; empty if the boundary is kept. */
    Optional<BoundaryRecord> toPublish();

    /** One line for the log. */
    String summary();

    /**
     * The objective chose a boundary. It may equal the current one; the record then has a newer curve.
     *
     * @param appliedBefore the boundary that applied before
     */
    record Chosen(BoundaryRecord chosen, int appliedBefore) implements Decision {

        public boolean moved() {
            return chosen.boundary() != appliedBefore;
        }

        @Override
        public Optional<BoundaryRecord> toPublish() {
            return Optional.of(chosen);
        }

        @Override
        public String summary() {
            String change =
                    moved() ? "moved " + appliedBefore + " → " + chosen.boundary() : "stays at " + chosen.boundary();
            return "boundary of '" + chosen.adapter() + "' " + change + " ("
                    + chosen.reason().orElse("") + ")";
        }
    }

    /** The boundary does not change, and no record is published. */
    record Kept(String adapter, int boundary, Reason reason, String detail) implements Decision {

        @Override
        public Optional<BoundaryRecord> toPublish() {
            return Optional.empty();
        }

        @Override
        public String summary() {
            return "boundary of '" + adapter + "' stays at " + boundary + " (" + detail + ")";
        }
    }

    /** Why a boundary is kept regardless of the curve. */
    enum Reason {
        /** Fewer examples than {@code min-samples}. */
        TOO_FEW_SAMPLES,
        /** An operator set the boundary. */
        PINNED;

        /** The name in metrics and logs. */
        public String label() {
            return name().toLowerCase(Locale.ROOT);
        }
    }
}
