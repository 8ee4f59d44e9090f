package io.tidemark.decoder.sampling;

import java.util.List;

/**
 * The next token of a row.
 *
 * @param finite  false if the logits contain NaN or infinity; the token has no meaning then
 * @param logprob natural logarithm of the token's probability in the model's distribution, before bias, penalties,
 *                mask, temperature and truncation; 0 if no log-probabilities were requested
 * @param top     the most likely tokens, most likely first
 */
public record SampledToken(int token, boolean finite, double logprob, List<TopToken> top) {

    /** A token and the natural logarithm of its probability. */
    public record TopToken(int token, double logprob) {}

    SampledToken withLogprobs(double value, List<TopToken> best) {
        return new SampledToken(token, finite, value, best);
    }
}
