/**
 * Formats of answers as masks over a vocabulary: token bytes, compiled grammars, the state of one sequence, and the
 * native library that computes the masks. Depends on {@code library}, {@code message}, {@code model} and {@code
 * tenant}. Start with {@link io.tidemark.grammar.GrammarCompiler} and {@link io.tidemark.grammar.GrammarState}.
 */
package io.tidemark.grammar;
