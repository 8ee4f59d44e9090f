package io.tidemark.stream.serving;

/** Where a serving process is in its life. */
public enum Phase {
    LOADING,
    READY,
    STOPPING,
    FAILED
}
