package io.tidemark.grammar;

import io.tidemark.message.AnswerFormat;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Compiles formats for a tokenizer, and says which texts the masks let through. */
final class Formats implements AutoCloseable {

    static final int END = 2;

    private final TokenBytes vocabulary;
    private final GrammarCompiler compiler;
    private final IntBuffer mask;

    Formats(Path folder, int size, GrammarLimits limits) {
        this.vocabulary = TokenBytes.read(folder, size, Set.of(END));
        this.compiler = GrammarCompiler.open(vocabulary, limits);
        this.mask = buffer(size);
    }

    static Formats of(Path folder) {
        return new Formats(folder, 450, GrammarLimits.DEFAULT);
    }

    static IntBuffer buffer(int vocabulary) {
        return ByteBuffer.allocateDirect(4 * ((vocabulary + 31) / 32))
                .order(ByteOrder.nativeOrder())
                .asIntBuffer();
    }

    TokenBytes vocabulary() {
        return vocabulary;
    }

    GrammarCompiler compiler() {
        return compiler;
    }

    CompiledGrammar compile(AnswerFormat format) {
        try {
            return compiler.compile(format);
        } catch (GrammarException e) {
            throw new AssertionError(e.code() + ": " + e.getMessage(), e);
        }
    }

    /** Whether an answer can be this text: once in the longest tokens, once in the shortest. */
    boolean accepts(CompiledGrammar grammar, String text) {
        boolean inLong = accepts(grammar, tokens(text, true));
        boolean inShort = accepts(grammar, tokens(text, false));
        if (inLong != inShort) {
            throw new AssertionError("masks depend on the tokens of '" + text + "': " + inLong + ", " + inShort);
        }
        return inLong;
    }

    /** Whether the masks allow these tokens and then the end of the sequence. */
    boolean accepts(CompiledGrammar grammar, List<Integer> tokens) {
        try (GrammarState state = grammar.start()) {
            int last = -1;
            for (int token : tokens) {
                if (next(state, last) instanceof RowStatus.Failed || !isSet(token)) {
                    return false;
                }
                last = token;
            }
            RowStatus status = next(state, last);
            return !(status instanceof RowStatus.Failed) && isSet(END);
        }
    }

    RowStatus next(GrammarState state, int last) {
        return state.advance(last, mask);
    }

    /** Whether the last mask allows a token. */
    boolean isSet(int token) {
        return (mask.get(token / 32) >>> token % 32 & 1) != 0;
    }

    /** All tokens of the last mask. */
    List<Integer> allowed() {
        List<Integer> tokens = new ArrayList<>();
        for (int token = 0; token < vocabulary.vocabulary(); token++) {
            if (isSet(token)) {
                tokens.add(token);
            }
        }
        return tokens;
    }

    /** Tokens with these bytes. */
    List<Integer> tokens(String text, boolean longest) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        List<Integer> tokens = new ArrayList<>();
        int from = 0;
        if (vocabulary.hasFirst() && text.startsWith(" ")) {
            tokens.add(only("", " ")); // the decoder drops the first space
        }
        while (from < bytes.length) {
            int best = -1;
            int length = 0;
            for (int token = 0; token < vocabulary.vocabulary(); token++) {
                byte[] word = tokens.isEmpty() ? vocabulary.first(token) : vocabulary.later(token);
                boolean fits = word.length > 0
                        && from + word.length <= bytes.length
                        && Arrays.equals(word, 0, word.length, bytes, from, from + word.length);
                if (fits && (best < 0 || longest == word.length > length)) {
                    best = token;
                    length = word.length;
                }
            }
            if (best < 0) {
                throw new AssertionError("no tokens for '" + text + "'");
            }
            tokens.add(best);
            from += length;
        }
        return tokens;
    }

    /** The token that is a text after other tokens. */
    int later(String text) {
        return only(null, text);
    }

    private int only(String first, String later) {
        for (int token = 0; token < vocabulary.vocabulary(); token++) {
            if (new String(vocabulary.later(token), StandardCharsets.UTF_8).equals(later)
                    && (first == null || new String(vocabulary.first(token), StandardCharsets.UTF_8).equals(first))) {
                return token;
            }
        }
        throw new AssertionError("no token '" + later + "'");
    }

    /** The refusal of a format. */
    Optional<GrammarException> refusal(AnswerFormat format) {
        try {
            compiler.compile(format).close();
            return Optional.empty();
        } catch (GrammarException e) {
            return Optional.of(e);
        }
    }

    @Override
    public void close() {
        compiler.close();
    }
}
