package io.tidemark.decoder.sampling;

/**
 * Penalties for tokens that occurred before. The repetition penalty (Keskar et al. 2019, CTRL; as in transformers)
 * divides positive logits and multiplies others, for every token of the prompt and of the completion. Presence and
 * frequency penalty (OpenAI) subtract {@code presence + frequency * count} for every token of the completion that
 * occurred {@code count} times in it; they ignore the prompt.
 *
 * @param repetition greater than 0; 1 has no effect
 * @param presence   -2 to 2; 0 has no effect
 * @param frequency  -2 to 2; 0 has no effect
 */
public record Penalties(double repetition, double presence, double frequency) {

    public static final Penalties NONE = new Penalties(1, 0, 0);

    /** @throws IllegalArgumentException if a penalty is out of range */
    public Penalties {
        require(repetition > 0 && Double.isFinite(repetition), "repetition_penalty", repetition);
        require(Math.abs(presence) <= 2, "presence_penalty", presence);
        require(Math.abs(frequency) <= 2, "frequency_penalty", frequency);
    }

    public static Penalties repetition(double penalty) {
        return new Penalties(penalty, 0, 0);
    }

    /** Whether tokens of the prompt have an effect. */
    public boolean coverPrompt() {
        return repetition != 1;
    }

    /** Whether no penalty has an effect. */
    public boolean areOff() {
        return repetition == 1 && presence == 0 && frequency == 0;
    }

    static void require(boolean holds, String name, double value) {
        if (!holds) {
            throw new IllegalArgumentException(name + " is out of range: " + value);
        }
    }
}
