package io.tidemark.generation;

import io.tidemark.decoder.sampling.SamplingParams;
import io.tidemark.grammar.CompiledGrammar;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * How to continue a prompt.
 *
 * @param stopConditions what ends each choice
 * @param sampling       how tokens are selected
 * @param seed           seed of the random numbers, see {@link #uniform}
 * @param choices        number of completions to generate, 1 or more
 * @param logprobs       number of most likely tokens to report for each generated token, 0 or more; empty for no
 *                       log-probabilities
 * @param grammar        what the text of each choice must match if the choice ends before {@code maxTokens}; empty for
 *                       free text
 */
public record GenerationParams(
        StopConditions stopConditions,
        SamplingParams sampling,
        long seed,
        int choices,
        OptionalInt logprobs,
        Optional<CompiledGrammar> grammar) {

    private static final long GOLDEN_GAMMA = 0x9E3779B97F4A7C15L;

    public GenerationParams {
        if (choices < 1) {
            throw new IllegalArgumentException("the number of choices must be 1 or more: " + choices);
        }
        if (grammar.isPresent() && stopConditions.ignoreEos()) {
            throw new IllegalArgumentException(
                    "ignore_eos must be false with a grammar, which decides where the text ends");
        }
    }

    /** Parameters for free text. */
    public GenerationParams(
            StopConditions stopConditions, SamplingParams sampling, long seed, int choices, OptionalInt logprobs) {
        this(stopConditions, sampling, seed, choices, logprobs, Optional.empty());
    }

    /** One choice of the most likely tokens, without log-probabilities. */
    public static GenerationParams greedy(StopConditions stopConditions) {
        return new GenerationParams(stopConditions, SamplingParams.GREEDY, 0, 1, OptionalInt.empty());
    }

    /** @throws IllegalArgumentException if end-of-sequence tokens are ignored */
    public GenerationParams withGrammar(CompiledGrammar changed) {
        return new GenerationParams(stopConditions, sampling, seed, choices, logprobs, Optional.of(changed));
    }

    /** Maximum number of tokens of each choice. */
    public int maxTokens() {
        return stopConditions.maxTokens();
    }

    /**
     * An estimate of the number of tokens of each choice.
     *
     * @param usual the usual number, which applies unless the stop conditions prescribe more or fewer
     */
    public double expectedTokens(double usual) {
        boolean endsAtMaximum = stopConditions.ignoreEos()
                && stopConditions.stop().isEmpty()
                && stopConditions.stopTokens().isEmpty();
        return endsAtMaximum
                ? maxTokens()
                : Math.min(maxTokens(), Math.max(usual, Math.max(1, stopConditions.minTokens())));
    }

    /**
     * A uniformly distributed random number in [0, 1) that depends only on the seed, the choice and the token position.
     * A repeated request therefore uses the same numbers, whatever runs in the same batch. The mixing function is
     * SplitMix64 (Steele et al. 2014, Fast Splittable Pseudorandom Number Generators).
     *
     * @param choice   index of the choice, from 0
     * @param position index of the generated token, from 0
     */
    double uniform(int choice, int position) {
        long state = mix(mix(seed + GOLDEN_GAMMA) + choice * GOLDEN_GAMMA);
        return (mix(state + (position + 1L) * GOLDEN_GAMMA) >>> 11) * 0x1.0p-53;
    }

    private static long mix(long z) {
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }
}
