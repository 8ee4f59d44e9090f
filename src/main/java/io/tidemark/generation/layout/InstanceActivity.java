package io.tidemark.generation.layout;

import io.tidemark.generation.layout.GroupWidth.Turn;
import java.util.Arrays;

/**
 * What each instance of an engine has done in its last turn, and which ones have more to do. Called by one thread at a
 * time.
 */
final class InstanceActivity {

    /** By instance: what it has done in its last turn. */
    private final InstanceWork[] work;
    /** By instance: it was not active, and is in a turn that may start a request. */
    private final boolean[] idleInTurn;
    /** The steps of the last turns of all instances together. */
    private StepSize steps = StepSize.NONE;

    private int starting;
    private int active;
    private boolean packing;
    private boolean background;

    InstanceActivity(int instances) {
        this.work = new InstanceWork[instances];
        this.idleInTurn = new boolean[instances];
        Arrays.fill(work, InstanceWork.NONE);
        update();
    }

    /** Called before each turn of a group. */
    void turnBegins(InstanceGroup group) {
        for (int i = group.first(); i < group.end(); i++) {
            idleInTurn[i] = !work[i].active();
        }
    }

    /** Called after each turn. */
    void turnEnds(Turn turn) {
        for (int i = 0; i < turn.work().size(); i++) {
            work[turn.group().first() + i] = turn.work().get(i);
            idleInTurn[turn.group().first() + i] = false;
        }
        update();
    }

    private void update() {
        steps = StepSize.sum(Arrays.asList(work));
        starting = 0;
        active = 0;
        packing = false;
        background = false;
        for (InstanceWork each : work) {
            starting += each.starting();
            active += each.active() ? 1 : 0;
            packing |= each.active() && each.packing();
            background |= each.background();
        }
    }

    /** The steps of the last turns of all instances together. */
    StepSize steps() {
        return steps;
    }

    /** The number of sequences that have had no row in a step. */
    int starting() {
        return starting;
    }

    /** The number of active instances. */
    int active() {
        return active;
    }

    /** Whether the adapters of the last step of an active instance are being packed. */
    boolean isPacking() {
        return packing;
    }

    /** Whether an instance has background tasks. */
    boolean hasBackground() {
        return background;
    }

    /** Whether an instance that was not active is in a turn that may start a request. */
    boolean hasIdleInTurn() {
        for (boolean each : idleInTurn) {
            if (each) {
                return true;
            }
        }
        return false;
    }

    /** The number of groups of this width with active instances. */
    int activeGroups(int width) {
        int groups = 0;
        int end = 0;
        for (int i = 0; i < work.length; i++) {
            if (i >= end && work[i].active()) {
                end = InstanceGroup.of(i, width, work.length).end();
                groups++;
            }
        }
        return groups;
    }
}
