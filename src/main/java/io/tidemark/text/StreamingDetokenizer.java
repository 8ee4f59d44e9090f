package io.tidemark.text;

import java.util.ArrayList;
import java.util.List;

/**
 * Decodes tokens to text incrementally and never emits part of a character; the concatenated chunks are equal to the
 * text of all tokens decoded at once. The text of a token can depend on the tokens before it, so a window of tokens is
 * decoded with and without the new ones. Byte tokens are held back until a run of them ends: if a run is not valid
 * UTF-8, the decoder of SentencePiece replaces each of its bytes with U+FFFD, including those of complete characters.
 *
 * <p>Not thread-safe.
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

    /** The text that this token completes; empty within a character or a run of byte tokens. */
    public String add(int token) {
        if (tokenizer.isSilent(token)) {
            return "";
        }
        tokens.add(token);
        if (tokenizer.isByte(token)) {
            return "";
        }
        String chunk = pending();
        if (chunk.isEmpty() || chunk.charAt(chunk.length() - 1) == REPLACEMENT) {
            return "";
        }
        windowStart = emittedEnd;
        emittedEnd = tokens.size();
        return chunk;
    }

    /** The remaining text; an incomplete character becomes U+FFFD. */
    public String finish() {
        String chunk = pending();
        emittedEnd = tokens.size();
        return chunk;
    }

    private String pending() {
        String before = tokenizer.decode(tokens.subList(windowStart, emittedEnd));
        String all = tokenizer.decode(tokens.subList(windowStart, tokens.size()));
        return all.length() > before.length() ? all.substring(before.length()) : "";
    }
}
