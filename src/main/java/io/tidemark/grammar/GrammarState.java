package io.tidemark.grammar;

/** The state of one sequence, which one thread uses at a time. */
public interface GrammarState extends AutoCloseable {

    /**
     * Whether the text so far is complete; false after a failure.
     *
     * @throws IllegalStateException if the state is closed, or in use by another thread
     */
    boolean isAccepting();

    /** Frees the native memory; closing twice is allowed. */
    @Override
    void close();
}
