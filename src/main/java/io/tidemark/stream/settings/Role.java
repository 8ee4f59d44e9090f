package io.tidemark.stream.settings;

/** What a process does. {@link #ALL} loads the weights once and sweeps between the worker's steps. */
public enum Role {
    WORKER,
    CALIBRATOR,
    ALL;

    public boolean generates() {
        return this != CALIBRATOR;
    }

    public boolean calibrates() {
        return this != WORKER;
    }
}
