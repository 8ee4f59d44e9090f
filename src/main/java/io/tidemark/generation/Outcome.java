package io.tidemark.generation;

/** How a request ended: with the text of its choices, or with an error. */
public sealed interface Outcome permits Completion, Outcome.Failure {

    String id();

    /**
     * The request could not be completed because of an error in the engine.
     *
     * @param code    machine-readable, such as {@code engine_error}
     * @param message what has failed, for people
     */
    record Failure(String id, String code, String message) implements Outcome {}
}
