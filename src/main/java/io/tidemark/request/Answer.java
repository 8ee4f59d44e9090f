package io.tidemark.request;

import io.tidemark.generation.Completion;
import io.tidemark.message.CompletionResult;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.ErrorResult;
import io.tidemark.message.RequestEstimate;
import io.tidemark.message.ResultMessage;
import java.util.Optional;

/**
 * The answer of a request: what is written, and what metrics report when it is committed.
 *
 * @param result     the value of the result record
 * @param error      the error in the result; the dead letter of the request has it, too
 * @param outcome    finish reason of the first choice in lower case, or the code of the error
 * @param completion what the engine has generated; empty for a request that did not run or has failed
 * @param endedNanos {@link io.tidemark.time.Time#nanoTime} when the answer was made
 */
public record Answer(
        ReceivedRequest request,
        ResultMessage result,
        Optional<ErrorBody> error,
        String outcome,
        Optional<Completion> completion,
        long endedNanos) {

    /** What the objects of an answer without tokens take. */
    private static final int EMPTY_HEAP_BYTES = 4 * 1024;

    /** The model that the request names; empty if the request could not be parsed. */
    public Optional<String> model() {
        return result instanceof CompletionResult generated
                ? Optional.of(generated.model())
                : ((ErrorResult) result).model();
    }

    /**
     * Tokens with which the request counts for its tenant: those that the engine has computed, which are those of the
     * prompt that were not cached, and those of all choices. A request that the engine has not completed counts with
     * its bytes.
     */
    public long tokens() {
        return completion
                .map(Completion::usage)
                .map(usage -> (long) usage.promptTokens() - usage.cachedTokens() + usage.completionTokens())
                .orElseGet(() -> RequestEstimate.tokens(request.size()));
    }

    /** Bytes of heap until the answer is committed, without those of the request; an upper estimate. */
    public long heapBytes() {
        long bytes = EMPTY_HEAP_BYTES;
        if (completion.isPresent()) {
            for (Completion.GeneratedChoice choice : completion.get().choices()) {
                long logprobs = choice.logprobs().stream()
                        .mapToLong(token -> 1L + token.top().size())
                        .sum();
                bytes += 2L * choice.text().length()
                        + RequestEstimate.answerBytes(choice.tokens().size(), logprobs);
            }
        }
        return bytes;
    }

    /** The answer with an error in place of a result that can't be written. Metrics report the first outcome. */
    public Answer replacedBy(ErrorBody replacement) {
        return new Answer(
                request,
                new ErrorResult(
                        result.id(),
                        ErrorResult.ERROR,
                        result.created(),
                        model(),
                        replacement,
                        result.ignoredFields(),
                        result.tidemark()),
                Optional.of(replacement),
                outcome,
                completion,
                endedNanos);
    }
}
