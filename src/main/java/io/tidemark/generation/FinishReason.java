package io.tidemark.generation;

/** The reason why a choice ended. Result records contain these names in lower case. */
public enum FinishReason {
    /** A stop text, a stop token, an end-of-sequence token or the end of the grammar. */
    STOP,
    /** The maximum number of tokens. */
    LENGTH,
    /** The deadline of the request. */
    DEADLINE,
    /** A cancellation of the request, or the end of the engine. */
    CANCELLED,
    /** An error. */
    ERROR
}
