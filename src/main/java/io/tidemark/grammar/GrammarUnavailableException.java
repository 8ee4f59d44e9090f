package io.tidemark.grammar;

/** Formats can't be enforced in this process: no native library for the platform, or an unsupported tokenizer. */
public final class GrammarUnavailableException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    GrammarUnavailableException(String message) {
        super(message);
    }

    GrammarUnavailableException(String message, Throwable cause) {
        super(message, cause);
    }
}
