package io.tidemark.calibration;

import io.tidemark.boundary.BoundaryRecord;
import java.util.Locale;
import java.util.Optional;

/** What becomes of an adapter's boundary after a batch. */
public sealed interface Decision {

    /** The record for the topic {@code adapter-boundaries}; empty when nothing is to be written. */
    Optional<BoundaryRecord> toPublish();

    /** A line for an operator. */
    String summary();

    /** The evidence asks for a boundary: another one, or the one that applies already, now with a newer curve. */
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

    /** Nothing is written. */
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

    /** Why a boundary was kept whatever the curve says. */
    enum Reason {
        /** Fewer examples than {@code min-samples}. */
        TOO_FEW_SAMPLES,
        /** Set by hand. */
        PINNED;

        /** The name in metrics and logs. */
        public String label() {
            return name().toLowerCase(Locale.ROOT);
        }
    }
}
