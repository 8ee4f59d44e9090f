package io.tidemark.stream.worker;

import io.tidemark.generation.Completion;
import io.tidemark.generation.Outcome;
import io.tidemark.generation.Outcome.Failure;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.ResultMessage;
import io.tidemark.stream.metrics.WorkerMetrics;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.jboss.logging.Logger;

/**
 * Gives every request its one result, and a dead letter where there is an error. The future that each method is given
 * is done when the broker has both. A dead letter that can't be written is given up: the result tells its sender as much.
 */
final class Replies {

    private static final Logger LOG = Logger.getLogger(Replies.class);

    private final AnswerWriter writer;
    private final Results results;
    private final WorkerMetrics metrics;
    private final UnaryOperator<String> metricName;

    /** @param metricName the tag of metrics for what a client called the model */
    Replies(AnswerWriter writer, Results results, WorkerMetrics metrics, UnaryOperator<String> metricName) {
        this.writer = writer;
        this.results = results;
        this.metrics = metrics;
        this.metricName = metricName;
    }

    /** The end of a request that ran. */
    void ended(IncomingRequest incoming, AdmittedRequest admitted, Outcome outcome, CompletableFuture<Void> answered) {
        if (outcome instanceof Failure failure) {
            failed(incoming, admitted, ErrorBody.serverError(failure.code(), failure.message()), answered);
            return;
        }
        Completion completion = (Completion) outcome;
        writer.result(incoming, results.completed(admitted, completion, incoming.attempt()))
                .whenComplete((written, failure) -> {
                    if (failure == null) {
                        answered.complete(null);
                        count(admitted.message().model(), completion);
                    } else if (failure instanceof RecordTooLargeException) {
                        failed(
                                incoming,
                                admitted,
                                ErrorBody.serverError("result_too_large", "the result is above 5 MiB"),
                                answered);
                    } else if (!writer.isClosed()) {
                        failed(
                                incoming,
                                admitted,
                                ErrorBody.serverError("internal_error", "the result could not be written"),
                                answered);
                    }
                    // else the writer is closed: the request stays unacknowledged and is read again
                });
    }

    /** A request that never ran. */
    void refuse(
            IncomingRequest incoming,
            String id,
            Optional<String> model,
            ErrorBody error,
            CompletableFuture<Void> answered) {
        refuse(
                incoming,
                results.refused(id, model, error, incoming.attempt()),
                error,
                model.orElse(WorkerMetrics.UNKNOWN),
                answered);
    }

    private void failed(
            IncomingRequest incoming, AdmittedRequest admitted, ErrorBody error, CompletableFuture<Void> answered) {
        refuse(
                incoming,
                results.failed(admitted, error, incoming.attempt()),
                error,
                admitted.message().model(),
                answered);
    }

    private void refuse(
            IncomingRequest incoming,
            ResultMessage result,
            ErrorBody error,
            String model,
            CompletableFuture<Void> answered) {
        LOG.infof(
                "request '%s' refused: %s (%s)",
                result.id(), error.code(), error.param().orElse("no field"));
        CompletableFuture<Void> letter = unlessClosed(
                writer.deadLetter(incoming, error),
                failure -> LOG.warnf(
                        "the dead letter of request '%s' is given up: %s", result.id(), failure.getMessage()));
        CompletableFuture<Void> written = unlessClosed(
                writer.result(incoming, result),
                failure -> LOG.errorf(
                        failure, "request '%s' gets no result: not even the error can be written", result.id()));
        CompletableFuture.allOf(written, letter).thenRun(() -> {
            answered.complete(null);
            metrics.answered(metricName.apply(model), error.code());
        });
    }

    /** Done in any case but one: when the writer was closed the request must stay open, to be read again. */
    private CompletableFuture<Void> unlessClosed(CompletableFuture<Void> sent, Consumer<Throwable> givenUp) {
        return sent.exceptionallyCompose(failure -> {
            if (writer.isClosed()) {
                return CompletableFuture.failedFuture(failure);
            }
            givenUp.accept(failure);
            return CompletableFuture.completedFuture(null);
        });
    }

    private void count(String model, Completion completion) {
        String adapter = metricName.apply(model);
        Completion.Timing timing = completion.timing();
        metrics.answered(adapter, Results.spelled(completion.choices().get(0).finishReason()));
        metrics.tokens(
                adapter, completion.usage().promptTokens(), completion.usage().completionTokens());
        Results.firstTokenMs(completion).ifPresent(milliseconds -> metrics.firstToken(adapter, milliseconds));
        int longest = completion.choices().stream()
                .mapToInt(choice -> choice.tokens().size())
                .max()
                .orElse(0);
        if (longest > 1) {
            metrics.perToken(adapter, (timing.totalMs() - timing.queuedMs() - timing.firstTokenMs()) / (longest - 1));
        }
    }
}
