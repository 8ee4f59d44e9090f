package io.tidemark.decoder.sampling;

/**
 * What a token loses for having been there before. The repetition penalty is that of Keskar et al. 2019 (CTRL) as
 * transformers has it: a logit above 0 is divided by it, any other multiplied, for every token of the prompt and of the
 * answer so far. Presence and frequency are OpenAI's: a token that was generated before loses
 * {@code presence + frequency * times}, where {@code times} counts the answer's tokens and not the prompt's.
 *
 * @param repetition more than 0; 1 changes nothing
 * @param presence   -2 to 2; 0 changes nothing
 * @param frequency  -2 to 2; 0 changes nothing
 */
public record Penalties(double repetition, double presence, double frequency) {

    public static final Penalties NONE = new Penalties(1, 0, 0);

    public Penalties {
        Sampling.require(repetition > 0 && Double.isFinite(repetition), "repetition_penalty", repetition);
        Sampling.require(Math.abs(presence) <= 2, "presence_penalty", presence);
        Sampling.require(Math.abs(frequency) <= 2, "frequency_penalty", frequency);
    }

    public static Penalties repetition(double penalty) {
        return new Penalties(penalty, 0, 0);
    }

    /** Whether tokens of the prompt count. */
    public boolean coverPrompt() {
        return repetition != 1;
    }

    /** Whether they change no logit. */
    public boolean areOff() {
        return repetition == 1 && presence == 0 && frequency == 0;
    }
}
