package io.tidemark.torch;

/**
 * libtorch could not load or run a script, for example because of a syntax error, a wrong shape or too little memory.
 */
public final class ScriptFailed extends RuntimeException {

    private static final long serialVersionUID = 1L;

    ScriptFailed(String message, Throwable cause) {
        super(message, cause);
    }
}
