package io.tidemark.generation;

/** Why a choice ended. Records have these names in lower case. */
public enum FinishReason {
    STOP,
    LENGTH,
    DEADLINE,
    CANCELLED,
    ERROR
}
