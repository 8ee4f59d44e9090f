package io.tidemark.text;

import java.util.ArrayList;
import java.util.List;

/**
 * Decodes tokens to text incrementally and never emits part of a character; the concatenated chunks are equal to the
 * text of all tokens decoded at once. The text of a token can depend on the tokens before it, so the last tokens are
 * decoded again with each new one. Their number does not grow, whatever the tokens are:
 *
 * <ul>
 *   <li>If the tokens are bytes of UTF-8, an incomplete character has at most three bytes, and the decoder makes one
 *       U+FFFD of it. All text before that is final, because a byte that begins a character begins one after any other
 *       byte. So the window has three tokens while a U+FFFD at the end is held back, and otherwise one.
 *   <li>The decoder of SentencePiece replaces each byte of a run of byte tokens with U+FFFD if the run is not valid
 *       UTF-8, including those of complete characters. So a run is held back until it ends, and is decoded once.
 * </ul>
 *
 * <p>Not thread-safe.
 */
public final class StreamingDetokenizer {

    private static final char REPLACEMENT = '\uFFFD';

    /** The most bytes of an incomplete character, each of which may be a token. */
    private static final int INCOMPLETE_TOKENS = 3;

    private final TextTokenizer tokenizer;

    /** The last tokens; none of them is without text in every context. */
    private final List<Integer> window = new ArrayList<>();

    /** How many characters of the text of the window are emitted. */
    private int emitted;

    public StreamingDetokenizer(TextTokenizer tokenizer) {
        this.tokenizer = tokenizer;
    }

    /** The text that this token completes; empty within a character or a run of byte tokens. */
    public String add(int token) {
        if (tokenizer.isSilent(token)) {
            return "";
        }
        window.add(token);
        if (tokenizer.isByte(token)) {
            return "";
        }
        String text = tokenizer.decode(window);
        int heldBack = tokenizer.splitsCharacters() && endsWithReplacement(text) ? 1 : 0;
        String chunk = from(emitted, text.substring(0, text.length() - heldBack));
        if (!chunk.isEmpty() || tokenizer.splitsCharacters()) {
            slide(token, chunk, heldBack);
        }
        return chunk;
    }

    /** Removes tokens from the window that the text of later ones does not depend on. */
    private void slide(int token, String chunk, int heldBack) {
        if (chunk.isEmpty() && tokenizer.decode(List.of(token)).isEmpty()) {
            // such as an output of the model that is no token
            window.remove(window.size() - 1);
            return;
        }
        emitted += chunk.length();
        int context = heldBack == 0 ? 1 : INCOMPLETE_TOKENS;
        if (window.size() > context) {
            window.subList(0, window.size() - context).clear();
            emitted = tokenizer.decode(window).length() - heldBack;
        }
    }

    /** The remaining text; an incomplete character becomes U+FFFD. */
    public String finish() {
        String chunk = from(emitted, tokenizer.decode(window));
        emitted += chunk.length();
        return chunk;
    }

    /** The number of tokens that are decoded again with the next one. */
    int context() {
        return window.size();
    }

    private static boolean endsWithReplacement(String text) {
        return !text.isEmpty() && text.charAt(text.length() - 1) == REPLACEMENT;
    }

    private static String from(int begin, String text) {
        return text.length() > begin ? text.substring(begin) : "";
    }
}
