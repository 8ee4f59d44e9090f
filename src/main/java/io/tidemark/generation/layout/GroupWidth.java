package io.tidemark.generation.layout;

import java.util.List;

/** Chooses the width of the groups: how many engine instances run their steps together. */
public interface GroupWidth {

    /**
     * A turn of a group.
     *
     * @param width     width of the groups during the turn
     * @param group     the instances whose turn it was
     * @param work      of each of these instances
     * @param exceeded  whether its joint step has exceeded its limit, see {@link io.tidemark.decoder.ThreadLimit}
     * @param startable number of sequences of queued requests that can start in the next turns
     * @param nanos     duration of the turn
     * @param endNanos  when the turn ended
     */
    record Turn(
            int width,
            InstanceGroup group,
            List<InstanceWork> work,
            boolean exceeded,
            int startable,
            long nanos,
            long endNanos) {

        /** The step of all instances of the group. */
        StepSize step() {
            return StepSize.sum(work);
        }

        /** The same turn with an end this many nanoseconds earlier. */
        public Turn earlier(long byNanos) {
            return new Turn(width, group, work, exceeded, startable, nanos, endNanos - byNanos);
        }

        /** Whether a slice of a background task has run in the turn. */
        boolean hadSlice() {
            for (InstanceWork each : work) {
                if (each.slice()) {
                    return true;
                }
            }
            return false;
        }
    }

    /** Called before the first turn of an engine; returns the width until then. */
    int start();

    /**
     * Called before each turn of a group. Calls of this method and of {@link #next} never overlap.
     *
     * @param group the instances whose turn begins
     */
    default void begins(InstanceGroup group) {}

    /** Called after each turn, by one thread at a time; returns the width of the groups of further turns. */
    int next(Turn turn);
}
