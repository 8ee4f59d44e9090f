package io.tidemark.client;

import io.tidemark.message.CompletionResult;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.ErrorResult;
import io.tidemark.message.ResultMessage;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/**
 * The result of a request that {@link TidemarkClient} sent: an answer, or an error of the service. Methods that read
 * the answer throw a {@link ClientException.Refused} with the error if there is none; {@link #failed} tells before.
 *
 * @param id      the id of the request, as it was sent
 * @param message the record of {@code generation-results}
 * @param json    the value of that record as the worker wrote it, with fields that this client does not know
 */
public record RequestResult(String id, ResultMessage message, String json) {

    private static final double MILLIS_PER_SECOND = 1000;

    /** The adapter's id, or the name of the base model; empty if the worker could not parse the request. */
    public String adapter() {
        return message instanceof CompletionResult completion
                ? completion.model()
                : ((ErrorResult) message).model().orElse("");
    }

    /** Whether the service answered with an error. */
    public boolean failed() {
        return message instanceof ErrorResult;
    }

    /**
     * The text of the first choice.
     *
     * @throws ClientException.Refused if the request failed
     */
    public String text() {
        return first(CompletionResult.Choice::generated).orElse("");
    }

    /**
     * The first choice, read from JSON, such as the answer of a request with
     * {@link GenerationRequest#jsonSchema(Class)} of the same class.
     *
     * @throws ClientException.Refused if the request failed
     * @throws ClientException.Unreadable if the text is not such JSON, or only its beginning
     */
    public <T> T value(Class<T> type) {
        return AnswerSchema.read(this, type);
    }

    /**
     * The finish reason of the first choice.
     *
     * @throws ClientException.Refused if the request failed
     */
    public String finishReason() {
        return first(CompletionResult.Choice::finishReason).orElse("");
    }

    /**
     * The tokens of the first choice with their log-probabilities; empty unless the request has
     * {@link GenerationRequest#logprobs}.
     *
     * @throws ClientException.Refused if the request failed
     */
    public List<CompletionResult.TokenLogprob> logprobs() {
        return first(CompletionResult.Choice::logprobs)
                .flatMap(found -> found)
                .map(CompletionResult.Logprobs::content)
                .orElse(List.of());
    }

    /**
     * The number of tokens of the prompt.
     *
     * @throws ClientException.Refused if the request failed
     */
    public int promptTokens() {
        return answer().usage().promptTokens();
    }

    /**
     * The number of generated tokens of all choices.
     *
     * @throws ClientException.Refused if the request failed
     */
    public int completionTokens() {
        return answer().usage().completionTokens();
    }

    /** The number of layers that used the adapter; 0 if the record does not contain it. */
    public int boundary() {
        return message.tidemark().boundary().orElse(0);
    }

    /** The number of layers of the worker's model; 0 if the record does not contain it. */
    public int numLayers() {
        return message.tidemark().numLayers().orElse(0);
    }

    /** The time from leaving the queue to the end; 0 if the record does not contain it. */
    public double seconds() {
        double running = message.tidemark().totalMs().orElse(0)
                - message.tidemark().queuedMs().orElse(0);
        return Math.max(0, running) / MILLIS_PER_SECOND;
    }

    /**
     * The generated tokens over {@link #seconds}; 0 if no token was generated.
     *
     * @throws ClientException.Refused if the request failed
     */
    public double tokensPerSecond() {
        int tokens = completionTokens();
        return seconds() == 0 ? 0 : tokens / seconds();
    }

    /**
     * This result if the request succeeded.
     *
     * @throws ClientException.Refused if it failed
     */
    public RequestResult orThrow() {
        answer();
        return this;
    }

    private CompletionResult answer() {
        if (message instanceof ErrorResult failed) {
            throw new ClientException.Refused(id, failed.error());
        }
        return (CompletionResult) message;
    }

    /**
     * The fields of the request that had no effect, such as {@code max_token} or {@code messages[0].nmae}: the first
     * 16, empty if the worker is older than this client.
     */
    public List<String> ignoredFields() {
        return message.ignoredFields();
    }

    /** The error's code and message; empty if the request succeeded. */
    public Optional<String> error() {
        if (message instanceof ErrorResult failed) {
            ErrorBody error = failed.error();
            return Optional.of(error.code() + ": " + error.message());
        }
        return Optional.empty();
    }

    private <T> Optional<T> first(Function<CompletionResult.Choice, T> field) {
        return answer().choices().stream().findFirst().map(field);
    }
}
