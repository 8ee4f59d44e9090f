package io.tidemark.evaluation;

/** An evaluation could not be run; the message says which example or request is at fault. */
public final class EvaluationFailed extends RuntimeException {

    private static final long serialVersionUID = 1L;

    EvaluationFailed(String message) {
        super(message);
    }
}
