package io.tidemark.message;

/**
 * One value of the topic {@code generation-results}. A consumer with {@code isolation.level=read_committed} reads one
 * result for each request record. {@link Provenance#source} says which record, because several records may have one id.
 */
public sealed interface ResultMessage permits CompletionResult, ErrorResult {

    /** The id of the request; derived from topic, partition and offset if the request has none. */
    String id();

    /** When the result was made, in seconds since 1970. */
    long created();

    /** The request's record, versions, placement and timings. */
    Provenance tidemark();
}
