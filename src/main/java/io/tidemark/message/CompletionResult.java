package io.tidemark.message;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.List;
import java.util.Optional;

/**
 * The text of a request's choices.
 *
 * @param object  {@link #TEXT_COMPLETION} for a prompt, {@link #CHAT_COMPLETION} for messages
 * @param created seconds since 1970
 * @param model   the request's {@code model}
 */
public record CompletionResult(
        String id, String object, long created, String model, List<Choice> choices, Usage usage, Provenance tidemark)
        implements ResultMessage {

    public static final String TEXT_COMPLETION = "text_completion";
    public static final String CHAT_COMPLETION = "chat.completion";

    public CompletionResult {
        choices = List.copyOf(choices);
    }

    /**
     * @param text         the answer to a prompt
     * @param message      the answer to messages
     * @param finishReason stop, length, deadline, cancelled or error
     * @param logprobs     where the request asked for them
     */
    @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
    public record Choice(
            int index,
            Optional<String> text,
            Optional<ChatTurn> message,
            String finishReason,
            Optional<Logprobs> logprobs) {

        /** A choice as {@code input} wants it: text after a prompt, an assistant's turn after messages. */
        public static Choice answering(
                Input input, int index, String text, String finishReason, Optional<Logprobs> logprobs) {
            boolean chat = input instanceof Input.Messages;
            return new Choice(
                    index,
                    chat ? Optional.empty() : Optional.of(text),
                    chat ? Optional.of(new ChatTurn("assistant", text)) : Optional.empty(),
                    finishReason,
                    logprobs);
        }
    }

    /** One entry a token, in OpenAI's shape for chat completions, for prompts too. */
    public record Logprobs(List<TokenLogprob> content) {

        public Logprobs {
            content = List.copyOf(content);
        }
    }

    /** @param logprob natural logarithm of the token's probability, as the model has it: before bias, penalties, temperature and cuts */
    @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
    public record TokenLogprob(String token, int tokenId, double logprob, List<Alternative> topLogprobs) {

        public TokenLogprob {
            topLogprobs = List.copyOf(topLogprobs);
        }
    }

    @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
    public record Alternative(String token, int tokenId, double logprob) {}

    /** Tokens; cached ones are those of the prompt that needed no computing. */
    @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
    public record Usage(int promptTokens, int completionTokens, int cachedTokens) {}

    /** The {@code object} of a result for this input. */
    public static String objectFor(Input input) {
        return input instanceof Input.Messages ? CHAT_COMPLETION : TEXT_COMPLETION;
    }
}
