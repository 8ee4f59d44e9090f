package io.tidemark.generation;

/** Work that shares the thread and the device of the engine, one slice at a time, for example a boundary sweep. */
@FunctionalInterface
public interface BackgroundTask {

    /**
     * Runs one slice, which should not take longer than a step. An exception is logged and ends the task.
     *
     * @return whether there is more to do
     */
    boolean runSlice();
}
