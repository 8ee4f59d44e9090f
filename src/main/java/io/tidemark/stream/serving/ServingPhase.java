package io.tidemark.stream.serving;

/**
 * The phases of a serving process.
 *
 * <pre>
 *   LOADING ── all services run ──▶ READY
 *      │ │                          │ │
 *      │ └───── a failure ──────────┼─┴──▶ FAILED
 *      │                            │
 *      └─────── shutdown ───────────┴────▶ STOPPING
 * </pre>
 *
 * <p>The process ends in the phases {@code STOPPING} and {@code FAILED}. A failure during a shutdown does not change
 * the phase, nor does a shutdown after a failure.
 */
public enum ServingPhase {
    LOADING,
    READY,
    STOPPING,
    FAILED;

    /** All services run. */
    ServingPhase ready() {
        return this == LOADING ? READY : this;
    }

    /** The process shuts down. */
    ServingPhase stopping() {
        return isOver() ? this : STOPPING;
    }

    /** The start or a service has failed. */
    ServingPhase failed() {
        return isOver() ? this : FAILED;
    }

    /** Whether the process ends. */
    boolean isOver() {
        return this == STOPPING || this == FAILED;
    }
}
