package io.tidemark.generation.layout;

/**
 * What an engine instance has done in a turn, and whether it has more to do.
 *
 * @param step       its part of the step
 * @param starting   number of its sequences that have had no row in a step
 * @param slice      whether a slice of a background task has run in the turn
 * @param packing    whether the adapters of its group's last step are being packed: later steps will take less time
 * @param background whether it has background tasks
 * @param active     whether it has another turn: it had rows, or has sequences or background tasks
 */
public record InstanceWork(
        StepSize step, int starting, boolean slice, boolean packing, boolean background, boolean active) {

    /** Nothing to do. */
    static final InstanceWork NONE = new InstanceWork(StepSize.NONE, 0, false, false, false, false);
}
