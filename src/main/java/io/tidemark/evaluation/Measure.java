package io.tidemark.evaluation;

/** What a reading says of a gold token. */
public enum Measure {

    /** From 0 to 1: what the paper's curves show. */
    PROBABILITY("mean probability"),
    /** In nats, 0 or less: what the sweep scores by. A token that is given no chance weighs as much as it costs. */
    LOG_PROBABILITY("mean log-probability (nats)");

    private final String axis;

    Measure(String axis) {
        this.axis = axis;
    }

    /** The words for an axis. */
    public String axis() {
        return axis;
    }

    double of(double logprob) {
        return this == PROBABILITY ? Math.exp(logprob) : logprob;
    }
}
