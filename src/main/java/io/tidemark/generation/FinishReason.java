package io.tidemark.generation;

/** Why a choice ended; the names on the topic are these in lower case. */
public enum FinishReason {
    STOP,
    LENGTH,
    DEADLINE,
    CANCELLED,
    ERROR
}
