package io.tidemark.message;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonSetter;
import com.fasterxml.jackson.annotation.Nulls;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.List;
import java.util.Optional;

/**
 * The result of a successful request.
 *
 * @param object        {@link #TEXT_COMPLETION} for a prompt, {@link #CHAT_COMPLETION} for messages
 * @param created       seconds since 1970
 * @param model         the {@code model} of the request
 * @param ignoredFields the fields of the request that have no effect
 */
public record CompletionResult(
        String id,
        String object,
        long created,
        String model,
        List<Choice> choices,
        Usage usage,

        @JsonProperty("ignored_fields") @JsonSetter(nulls = Nulls.AS_EMPTY) @JsonInclude(JsonInclude.Include.NON_EMPTY)
        List<String> ignoredFields,

        Provenance tidemark)
        implements ResultMessage {

    public static final String TEXT_COMPLETION = "text_completion";
    public static final String CHAT_COMPLETION = "chat.completion";

    public CompletionResult {
        choices = List.copyOf(choices);
        ignoredFields = List.copyOf(ignoredFields);
    }

    /** The result of a request without ignored fields. */
    public CompletionResult(
            String id,
            String object,
            long created,
            String model,
            List<Choice> choices,
            Usage usage,
            Provenance tidemark) {
        this(id, object, created, model, choices, usage, List.of(), tidemark);
    }

    /**
     * @param text         the generated text, if the request has a prompt
     * @param message      the generated message, if the request has messages
     * @param finishReason stop, length, deadline, cancelled or error
     * @param logprobs     present if the request has {@code logprobs}
     */
    @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
    public record Choice(
            int index,
            Optional<String> text,
            Optional<ChatTurn> message,
            String finishReason,
            Optional<Logprobs> logprobs) {

        /** The generated text in either form. */
        public String generated() {
            return text.or(() -> message.map(ChatTurn::text)).orElse("");
        }

        /** A choice in the form for {@code input}: text for a prompt, a message of the assistant for messages. */
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

    /** One entry per token, in the format of OpenAI's chat completions, also for prompts. */
    public record Logprobs(List<TokenLogprob> content) {

        public Logprobs {
            content = List.copyOf(content);
        }
    }

    /** @param logprob log-softmax of the raw logits, before bias, penalties, temperature, top-k, top-p and min-p */
    @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
    public record TokenLogprob(String token, int tokenId, double logprob, List<Alternative> topLogprobs) {

        public TokenLogprob {
            topLogprobs = List.copyOf(topLogprobs);
        }
    }

    @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
    public record Alternative(String token, int tokenId, double logprob) {}

    /**
     * Token counts, with the names of OpenAI's API.
     *
     * @param completionTokens generated tokens of all choices
     * @param totalTokens      the sum of both
     */
    @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
    public record Usage(
            int promptTokens, int completionTokens, int totalTokens, PromptTokensDetails promptTokensDetails) {

        /** @param cachedTokens prompt tokens whose keys and values were in the prefix cache */
        public static Usage of(int promptTokens, int completionTokens, int cachedTokens) {
            return new Usage(
                    promptTokens,
                    completionTokens,
                    promptTokens + completionTokens,
                    new PromptTokensDetails(cachedTokens));
        }
    }

    /** @param cachedTokens prompt tokens whose keys and values were in the prefix cache */
    @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
    public record PromptTokensDetails(int cachedTokens) {}

    /** The {@code object} of a result for {@code input}. */
    public static String objectFor(Input input) {
        return input instanceof Input.Messages ? CHAT_COMPLETION : TEXT_COMPLETION;
    }
}
