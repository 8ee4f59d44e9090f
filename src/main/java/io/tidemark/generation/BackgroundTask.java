package io.tidemark.generation;

/** Work that shares an engine instance's thread and device, a slice at a time, such as a boundary sweep. */
@FunctionalInterface
public interface BackgroundTask {

    /**
     * Runs one slice; a slice should take no longer than a step. An exception ends the work.
     *
     * @return whether there is more to do
     */
    boolean runSlice();
}
