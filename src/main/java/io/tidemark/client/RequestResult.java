package io.tidemark.client;

import io.tidemark.message.CompletionResult;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.ErrorResult;
import io.tidemark.message.ResultMessage;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/**
 * The result of a request that {@link TidemarkClient} sent.
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

    /** The text of the first choice; empty if the request failed. */
    public String text() {
        return first(CompletionResult.Choice::generated);
    }

    /** The finish reason of the first choice; empty if the request failed. */
    public String finishReason() {
        return first(CompletionResult.Choice::finishReason);
    }

    /** The number of generated tokens of all choices. */
    public int completionTokens() {
        return message instanceof CompletionResult completion
                ? completion.usage().completionTokens()
                : 0;
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

    /** The generated tokens over {@link #seconds}; 0 if no token was generated. */
    public double tokensPerSecond() {
        return seconds() == 0 ? 0 : completionTokens() / seconds();
    }

    /**
     * This result if the request succeeded.
     *
     * @throws ClientException.Refused if it failed
     */
    public RequestResult orThrow() {
        if (message instanceof ErrorResult failed) {
            throw new ClientException.Refused(id, failed.error());
        }
        return this;
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

    private String first(Function<CompletionResult.Choice, String> field) {
        return message instanceof CompletionResult completion
                ? completion.choices().stream().findFirst().map(field).orElse("")
                : "";
    }
}
