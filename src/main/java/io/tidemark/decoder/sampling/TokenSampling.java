package io.tidemark.decoder.sampling;

import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/**
 * The inputs of sampling the next token of one row: its parameters, random number and tokens.
 *
 * @param uniform a random number in [0, 1)
 * @param counts  the tokens that penalties apply to; read when the step is planned
 * @param banned  tokens that cannot be sampled in this step
 * @param top     how many of the most likely tokens to report; empty to report no log-probabilities
 * @param mask    the only tokens that can be sampled in this step, at least one that is not banned; empty for all
 */
public record TokenSampling(
        SamplingParams params,
        double uniform,
        TokenCounts counts,
        Set<Integer> banned,
        OptionalInt top,
        Optional<TokenMasks.Mask> mask) {

    /** Takes the most likely token. */
    public static TokenSampling greedy() {
        return of(SamplingParams.GREEDY, 0);
    }

    /** Sampling without counts, banned tokens, log-probabilities or a mask. */
    public static TokenSampling of(SamplingParams params, double uniform) {
        return new TokenSampling(params, uniform, TokenCounts.empty(), Set.of(), OptionalInt.empty(), Optional.empty());
    }

    public TokenSampling withCounts(TokenCounts changed) {
        return new TokenSampling(params, uniform, changed, banned, top, mask);
    }

    public TokenSampling withBanned(Set<Integer> tokens) {
        return new TokenSampling(params, uniform, counts, tokens, top, mask);
    }

    public TokenSampling withTop(int alternatives) {
        return new TokenSampling(params, uniform, counts, banned, OptionalInt.of(alternatives), mask);
    }

    public TokenSampling withMask(TokenMasks.Mask changed) {
        return new TokenSampling(params, uniform, counts, banned, top, Optional.of(changed));
    }
}
