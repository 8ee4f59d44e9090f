package io.tidemark.message;

/**
 * One value of the topic {@code generation-results}. Every consumed request has at least one result; that of the
 * highest attempt is valid.
 */
public sealed interface ResultMessage permits CompletionResult, ErrorResult {

    /** The id of the request; derived from topic, partition and offset if the request has none. */
    String id();

    /** Versions, placement and timings. */
    Provenance tidemark();
}
