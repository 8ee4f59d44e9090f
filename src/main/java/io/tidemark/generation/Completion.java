package io.tidemark.generation;

import java.util.List;
import java.util.OptionalDouble;

/** The result of a request: its choices in order of their index, token counts and times. */
public record Completion(String id, List<GeneratedChoice> choices, CompletionUsage usage, Timing timing)
        implements Outcome {

    public Completion {
        choices = List.copyOf(choices);
    }

    /** Milliseconds from the start to the first token; empty for a request without tokens. */
    public OptionalDouble firstTokenMs() {
        return usage.completionTokens() == 0 ? OptionalDouble.empty() : OptionalDouble.of(timing.firstTokenMs());
    }

    /**
     * One completion of the prompt.
     *
     * @param text     the text without stop text and end-of-sequence token
     * @param tokens   generated token ids, an end-of-sequence token included
     * @param logprobs one entry for each token; empty if the request has no {@code logprobs}
     */
    public record GeneratedChoice(
            int index, String text, List<Integer> tokens, FinishReason finishReason, List<ScoredToken> logprobs) {

        public GeneratedChoice {
            tokens = List.copyOf(tokens);
            logprobs = List.copyOf(logprobs);
        }
    }

    /**
     * Log-probability of a generated token.
     *
     * @param logprob natural logarithm of the model's probability, before logit bias, penalties, temperature, top-k,
     *                top-p and min-p
     * @param top     the most likely tokens, most likely first
     */
    public record ScoredToken(int token, String text, double logprob, List<LikelyToken> top) {

        public record LikelyToken(int token, String text, double logprob) {}

        public ScoredToken {
            top = List.copyOf(top);
        }
    }

    /** @param cachedTokens prompt tokens that came from the prefix cache */
    public record CompletionUsage(int promptTokens, int completionTokens, int cachedTokens) {}

    /**
     * Times in milliseconds.
     *
     * @param queuedMs     the time from submission to the start
     * @param firstTokenMs the time from the start to the first token
     * @param totalMs      the time from submission to the end
     */
    public record Timing(double queuedMs, double firstTokenMs, double totalMs) {}
}
