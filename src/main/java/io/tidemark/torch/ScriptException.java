package io.tidemark.torch;

/**
 * libtorch could not load or run a script, for example because of a syntax error, a wrong shape or too little memory.
 */
public final class ScriptException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    ScriptException(String message, Throwable cause) {
        super(message, cause);
    }
}
