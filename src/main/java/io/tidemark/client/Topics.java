package io.tidemark.client;

/** The full names of the topics that a client reads and writes, prefix included. */
public record Topics(
        String requests,
        String events,
        String results,
        String cancellations,
        String validationBatches,
        String validationDeadLetters,
        String boundaries,
        String boundaryDecisions,
        String calibrationState,
        String adapters,
        String workerState) {

    /** The names of a service without settings of its topics. */
    public static final Topics DEFAULT = withPrefix("");

    /** @param prefix the service's {@code tidemark.topics.prefix} */
    public static Topics withPrefix(String prefix) {
        return new Topics(
                prefix + "generation-requests",
                prefix + "generation-events",
                prefix + "generation-results",
                prefix + "generation-cancellations",
                prefix + "validation-batches",
                prefix + "validation-dead-letters",
                prefix + "adapter-boundaries",
                prefix + "boundary-decisions",
                prefix + "calibration-state",
                prefix + "adapters",
                prefix + "worker-state");
    }
}
