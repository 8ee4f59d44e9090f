package io.tidemark.generation;

/** How a request ended: with text, or with the reason why there is none. */
public sealed interface Outcome permits Completion, Failure {

    String id();
}
