package io.tidemark.generation;

import java.util.List;

/** The text of every choice of a request, with what it took. */
public record Completion(String id, List<Choice> choices, Usage usage, Timing timing) implements Outcome {

    public Completion {
        choices = List.copyOf(choices);
    }

    /**
     * @param text     without the stop text and the end-of-sequence token
     * @param tokens   the generated token ids, an end-of-sequence token included
     * @param logprobs one entry a token, empty when none were asked for
     */
    public record Choice(
            int index, String text, List<Integer> tokens, FinishReason finishReason, List<TokenLogprob> logprobs) {

        public Choice {
            tokens = List.copyOf(tokens);
            logprobs = List.copyOf(logprobs);
        }
    }

    /** @param logprob natural logarithm of the token's probability as the model has it: before bias, penalties, temperature and cuts */
    public record TokenLogprob(int token, String text, double logprob, List<Alternative> top) {

        public record Alternative(int token, String text, double logprob) {}

        public TokenLogprob {
            top = List.copyOf(top);
        }
    }

    public record Usage(int promptTokens, int completionTokens, int cachedTokens) {}

    /** Milliseconds: in the queue, from admission to the first token, and from arrival to the end. */
    public record Timing(double queuedMs, double firstTokenMs, double totalMs) {}
}
