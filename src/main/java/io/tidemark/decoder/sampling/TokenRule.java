package io.tidemark.decoder.sampling;

import java.util.OptionalInt;
import java.util.Set;

/**
 * How the next token of a row is chosen.
 *
 * @param uniform a number in [0, 1) that decides a sampled token
 * @param seen    the tokens that penalties apply to; read while the step is planned
 * @param banned  tokens that can't be chosen now
 * @param top     how many of the most likely tokens to report; empty for no log-probabilities at all
 */
public record TokenRule(Sampling sampling, double uniform, SeenTokens seen, Set<Integer> banned, OptionalInt top) {

    public static final TokenRule GREEDY = of(Sampling.GREEDY, 0);

    /** Without anything seen, banned or reported. */
    public static TokenRule of(Sampling sampling, double uniform) {
        return new TokenRule(sampling, uniform, SeenTokens.nothing(), Set.of(), OptionalInt.empty());
    }

    public TokenRule withSeen(SeenTokens tokens) {
        return new TokenRule(sampling, uniform, tokens, banned, top);
    }

    public TokenRule withBanned(Set<Integer> tokens) {
        return new TokenRule(sampling, uniform, seen, tokens, top);
    }

    public TokenRule withTop(int alternatives) {
        return new TokenRule(sampling, uniform, seen, banned, OptionalInt.of(alternatives));
    }

    /** The script's way for this row, cheapest first. */
    public Way way() {
        if (sampling.isGreedy()) {
            return sampling.penalties().areOff() && sampling.logitBias().isEmpty() && banned.isEmpty()
                    ? Way.PLAIN
                    : Way.GREEDY;
        }
        if (sampling.topK() > 0) {
            return Way.TOP_K;
        }
        return sampling.topP() < 1 ? Way.TOP_P : Way.FREE;
    }

    /** Plain rows take the most likely token as the model has it; the others are shaped, in the order of the names. */
    public enum Way {
        PLAIN,
        GREEDY,
        FREE,
        TOP_K,
        TOP_P
    }
}
