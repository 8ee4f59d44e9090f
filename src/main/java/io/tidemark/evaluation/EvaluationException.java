package io.tidemark.evaluation;

/** An evaluation failed; the message names the request that could not run. */
public final class EvaluationException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    EvaluationException(String message) {
        super(message);
    }
}
