package io.tidemark.generation;

import java.util.ArrayDeque;
import java.util.Deque;

/** What runs between steps, slice by slice, each in its turn. Belongs to the instance's thread. */
final class BackgroundWork {

    private static final System.Logger LOG = System.getLogger(BackgroundWork.class.getName());

    private final Deque<BackgroundTask> waiting = new ArrayDeque<>();

    void add(BackgroundTask work) {
        waiting.add(work);
    }

    int size() {
        return waiting.size();
    }

    /** Runs one slice; false when there is none. */
    boolean runSlice() {
        BackgroundTask work = waiting.poll();
        if (work == null) {
            return false;
        }
        try {
            if (work.runSlice()) {
                waiting.add(work);
            }
        } catch (RuntimeException e) {
            LOG.log(System.Logger.Level.ERROR, "work between steps failed and was dropped", e);
        }
        return true;
    }
}
