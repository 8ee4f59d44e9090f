package io.tidemark.calibration.rule;

import java.util.Optional;

/**
 * The boundary in force of an adapter version, and what its record says about it. A record applies if its digests,
 * number of layers and compute type match; a record that does not apply has no effect, with one exception: a pin stays
 * a pin.
 *
 * @param boundary       the boundary that applies, L without a record
 * @param source         who wrote the record
 * @param epoch          the epoch of the record; 0 without one
 * @param move           the number of the last move by the record; 0 without one
 * @param examplesAtMove examples of the record's epoch at its last move; 0 if the epoch has had no move
 * @param test           the test in force when the record was written; empty unless the source is a calibrator
 */
public record InForce(int boundary, Origin source, int epoch, long move, long examplesAtMove, Optional<HarmTest> test) {

    /** Who wrote the boundary record that applies. */
    public enum Origin {
        /** No record applies. */
        NONE,
        /** A calibrator with this rule. */
        RULE,
        /** An operator. */
        PIN,
        /** A calibrator of another compute type, which decides as long as its record applies. */
        OTHER_COMPUTE_TYPE
    }

    /** @throws IllegalArgumentException if a number is negative */
    public InForce {
        if (boundary < 0 || epoch < 0 || move < 0 || examplesAtMove < 0) {
            throw new IllegalArgumentException("boundary, epoch, move and examples must not be negative");
        }
    }

    /** Full LoRA without a record. */
    public static InForce none(int numLayers) {
        return new InForce(numLayers, Origin.NONE, 0, 0, 0, Optional.empty());
    }

    /** The boundary of an operator. */
    public static InForce pinned(int boundary) {
        return new InForce(boundary, Origin.PIN, 0, 0, 0, Optional.empty());
    }

    /** The boundary of a calibrator of another compute type. */
    public static InForce ofOtherComputeType(int boundary) {
        return new InForce(boundary, Origin.OTHER_COMPUTE_TYPE, 0, 0, 0, Optional.empty());
    }

    static InForce rule(int boundary, int epoch, long move, long examplesAtMove, HarmTest test) {
        return new InForce(boundary, Origin.RULE, epoch, move, examplesAtMove, Optional.of(test));
    }

    boolean isPinned() {
        return source == Origin.PIN;
    }

    /** Whether this rule put a boundary below L in force, which it then watches. */
    boolean isWatched(int numLayers) {
        return source == Origin.RULE && boundary < numLayers;
    }

    /** The boundary that an epoch scores and watches: one that this rule put in force, or L. */
    int scored(int numLayers) {
        return source == Origin.RULE ? boundary : numLayers;
    }
}
