package io.tidemark.grammar;

/**
 * A compiled format in the hands of one owner, who closes it. Its native memory is freed when it has no owner and no
 * open state, and the compiler does not keep it. Thread-safe.
 */
public interface CompiledGrammar extends AutoCloseable {

    /**
     * The state before the first token of a new sequence, which stays valid after {@link #close}.
     *
     * @throws IllegalStateException if the grammar is broken or closed
     */
    GrammarState start();

    /** The native memory in bytes, with that of its sequences; 0 after {@link #close}. */
    long bytes();

    /** No further state can be started. Closing twice is allowed. */
    @Override
    void close();
}
