package io.tidemark.grammar;

/** A compiled format. Immutable and thread-safe; its native memory is freed after the last reference to it. */
public interface CompiledGrammar {

    /**
     * The state before the first token of a new sequence.
     *
     * @throws IllegalStateException if the grammar is broken
     */
    GrammarState start();

    /** The native memory in bytes, with what the sequences in it have added. */
    long bytes();
}
