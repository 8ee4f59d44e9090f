package io.tidemark.torch;

/** libtorch could not run a script: out of memory, a shape that does not fit, a script that does not parse. */
public final class ScriptFailed extends RuntimeException {

    private static final long serialVersionUID = 1L;

    ScriptFailed(String message, Throwable cause) {
        super(message, cause);
    }
}
