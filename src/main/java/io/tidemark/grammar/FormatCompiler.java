package io.tidemark.grammar;

import io.tidemark.message.AnswerFormat;
import java.util.Optional;

/** Compiles formats, and keeps compiled ones for later requests. Thread-safe. */
public interface FormatCompiler extends AutoCloseable {

    /**
     * A reference to a grammar of an earlier call; never compiles, and takes microseconds. Empty also if the grammar is
     * kept without being in use, and the tenant may not hold one more.
     */
    Optional<CompiledGrammar> find(AnswerFormat format, String tenant);

    /**
     * Compiles a format, or takes it from the cache.
     *
     * @param tenant holds the grammar
     * @throws GrammarException         if the format is not supported, too large or too slow, if the formats in use
     *                                  take the memory of all formats, or if the compiler fails
     * @throws IllegalArgumentException if the format is free text
     * @throws IllegalStateException    if the compiler is closed
     */
    CompiledGrammar compile(AnswerFormat format, String tenant) throws GrammarException;

    /** The native memory of all grammars with the states of their sequences, in use or kept, in bytes. */
    long usedBytes();

    /** Frees the grammars that are not in use. Those in use stay valid; a compilation may still run. */
    @Override
    void close();
}
