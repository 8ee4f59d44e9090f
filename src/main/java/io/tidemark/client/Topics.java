package io.tidemark.client;

/** The topics that a client reads and writes: their whole names, as the workers were started with. */
public record Topics(
        String requests,
        String events,
        String results,
        String validationBatches,
        String validationDeadLetters,
        String boundaries) {}
