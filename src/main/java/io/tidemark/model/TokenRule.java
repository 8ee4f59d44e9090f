package io.tidemark.model;

import java.util.OptionalInt;
import java.util.Set;

/**
 * How the next token of a row is chosen.
 *
 * @param uniform a number in [0, 1) that decides a sampled token
 * @param seen    the tokens that a repetition penalty applies to
 * @param top     how many of the most likely tokens to report; empty for no log-probabilities at all
 */
public record TokenRule(Sampling sampling, double uniform, Set<Integer> seen, OptionalInt top) {

    public static final TokenRule GREEDY = new TokenRule(Sampling.GREEDY, 0, Set.of(), OptionalInt.empty());
}
