package io.tidemark.grammar;

import java.nio.IntBuffer;

/** The state of one sequence, which one thread uses at a time. */
public interface GrammarState extends AutoCloseable {

    /**
     * Advances by the last token and writes the mask of the next one. Bit {@code t % 32} of word {@code t / 32} is set
     * if token {@code t} may follow. End-of-sequence tokens are set only where the text is complete, other special
     * tokens never.
     *
     * @param lastToken -1 before the first
     * @param mask      a direct buffer in native order with an int for each 32 tokens of the vocabulary, rounded up,
     *                  from its position
     * @return whether a token may follow. A state also fails when all grammars exceed their memory and its sequence has
     *     added more than its share
     * @throws IllegalStateException if the state is closed, or in use by another thread
     */
    RowStatus advance(int lastToken, IntBuffer mask);

    /** Frees the native memory; closing twice is allowed. */
    @Override
    void close();
}
