package io.tidemark.grammar;

/** What a step made of one row's state. */
public sealed interface RowStatus {

    RowStatus OK = new Ok();
    RowStatus ENDED = new Ended();

    /** The mask has the tokens that may follow. */
    record Ok() implements RowStatus {}

    /** The text is complete, and only the end of the sequence may follow. */
    record Ended() implements RowStatus {}

    /** The row has no mask. */
    record Failed(String message) implements RowStatus {}
}
