package io.tidemark.stream.worker;

import io.tidemark.message.CompletionResult;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.ErrorResult;
import io.tidemark.message.ResultMessage;
import java.util.Optional;

/**
 * The answer of a request: what its transaction writes.
 *
 * @param error       the error in the result; the dead letter of the request has it, too
 * @param onCommitted called on the thread {@code tidemark-requests} when the transaction is committed
 */
record Answer(ResultMessage result, Optional<ErrorBody> error, Runnable onCommitted) {

    /** The answer with an error in place of a result that can't be written. */
    Answer replacedBy(ErrorBody replacement) {
        Optional<String> model = result instanceof CompletionResult completion
                ? Optional.of(completion.model())
                : ((ErrorResult) result).model();
        return new Answer(
                ErrorResult.of(result.id(), result.created(), model, replacement, result.tidemark()),
                Optional.of(replacement),
                onCommitted);
    }
}
