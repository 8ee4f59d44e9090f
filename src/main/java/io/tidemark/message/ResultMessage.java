package io.tidemark.message;

/** One value of the topic {@code generation-results}: exactly one for every request that was read. */
public sealed interface ResultMessage permits CompletionResult, ErrorResult {

    /** The request's id, or the one made from topic, partition and offset. */
    String id();

    /** Who answered. */
    Provenance tidemark();
}
