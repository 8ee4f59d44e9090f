package io.tidemark.text;

import java.util.ArrayList;
import java.util.List;

/**
 * Turns tokens into text as they come, and never emits half a character; the pieces together are what decoding all tokens
 * at once gives. A token's text can depend on the ones before it, so the text of a window is compared with and without the
 * new tokens. Tokens that stand for one byte are held back until their run ends: where a run is not UTF-8 as a whole,
 * sentencepiece's decoders make U+FFFD of every byte in it, also of those that looked whole before.
 */
public final class StreamingDetokenizer {

    private static final char REPLACEMENT = '\uFFFD';

    private final TextTokenizer tokenizer;
    private final List<Integer> tokens = new ArrayList<>();
    private int windowStart;
    private int emittedEnd;

    public StreamingDetokenizer(TextTokenizer tokenizer) {
        this.tokenizer = tokenizer;
    }

    /** The text that this token completes; empty while a character, or a run of bytes, is unfinished. */
    public String add(int token) {
        if (tokenizer.isSilent(token)) {
            return "";
        }
        tokens.add(token);
        if (tokenizer.isByte(token)) {
            return "";
        }
        String piece = pending();
        if (piece.isEmpty() || piece.charAt(piece.length() - 1) == REPLACEMENT) {
            return "";
        }
        windowStart = emittedEnd;
        emittedEnd = tokens.size();
        return piece;
    }

    /** What is left at the end; an unfinished character becomes U+FFFD. */
    public String finish() {
        String piece = pending();
        emittedEnd = tokens.size();
        return piece;
    }

    private String pending() {
        String before = tokenizer.decode(tokens.subList(windowStart, emittedEnd));
        String all = tokenizer.decode(tokens.subList(windowStart, tokens.size()));
        return all.length() > before.length() ? all.substring(before.length()) : "";
    }
}
