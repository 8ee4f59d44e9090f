package io.tidemark.generation;

/**
 * The request could not be generated.
 *
 * @param code    a word for programs, such as {@code engine_error}
 * @param message a sentence for people
 */
public record Failure(String id, String code, String message) implements Outcome {}
