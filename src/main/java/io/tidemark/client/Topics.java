package io.tidemark.client;

/** The full names of the topics that a client reads and writes, prefix included. */
public record Topics(
        String requests,
        String events,
        String results,
        String validationBatches,
        String validationDeadLetters,
        String boundaries,
        String boundaryDecisions,
        String calibrationState) {}
