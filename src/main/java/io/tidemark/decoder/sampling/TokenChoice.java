package io.tidemark.decoder.sampling;

import java.util.List;

/**
 * The token that a row goes on with.
 *
 * @param finite  false when the logits hold NaN or infinity, and the token means nothing
 * @param logprob natural logarithm of its probability as the model has it, before bias, penalties, temperature
 *                and truncation; means nothing when none was asked for
 * @param top     the most likely tokens, best first
 */
public record TokenChoice(int token, boolean finite, double logprob, List<Alternative> top) {

    public record Alternative(int token, double logprob) {}

    public TokenChoice reported(double value, List<Alternative> best) {
        return new TokenChoice(token, finite, value, best);
    }
}
