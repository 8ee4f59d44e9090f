package io.tidemark.stream.worker;

import io.tidemark.generation.Completion;
import io.tidemark.generation.GenerationListener;
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
 * Writes the answer of each request: events, one result, and a dead letter after an error. The returned futures
 * complete when the broker has result and dead letter, and fail if the writer is closed earlier. A dead letter that
 * can't be written is skipped, because the result contains the error as well.
 */
final class Replies implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(Replies.class);

    private final AnswerWriter writer;
    private final Results results;
    private final WorkerMetrics metrics;
    private final UnaryOperator<String> metricTag;

    /**
     * @param writer    closed with this object
     * @param metricTag the tag of metrics for the model of a request
     */
    Replies(AnswerWriter writer, Results results, WorkerMetrics metrics, UnaryOperator<String> metricTag) {
        this.writer = writer;
        this.results = results;
        this.metrics = metrics;
        this.metricTag = metricTag;
    }

    /** A listener that writes the events of a request, and calls {@code finished} at its end. */
    GenerationListener events(IncomingRequest incoming, AdmittedRequest admitted, Consumer<Outcome> finished) {
        return new RequestEvents(incoming, admitted, writer, finished);
    }

    /** Answers a request that was generated. */
    CompletableFuture<Void> finish(IncomingRequest incoming, AdmittedRequest admitted, Outcome outcome) {
        if (outcome instanceof Failure failure) {
            return fail(incoming, admitted, ErrorBody.serverError(failure.code(), failure.message()));
        }
        Completion completion = (Completion) outcome;
        CompletableFuture<Void> written = writer.result(incoming, results.completed(incoming, admitted, completion));
        written.thenRun(() -> record(incoming, admitted.message().model(), completion));
        return written.exceptionallyCompose(failure -> {
            if (failure instanceof RecordTooLargeException) {
                return fail(incoming, admitted, ErrorBody.serverError("result_too_large", "the result is above 5 MiB"));
            }
            return writer.isClosed()
                    ? CompletableFuture.failedFuture(failure)
                    : fail(
                            incoming,
                            admitted,
                            ErrorBody.serverError("internal_error", "the result could not be written"));
        });
    }

    /** Answers a request that was not generated. */
    CompletableFuture<Void> reject(IncomingRequest incoming, String id, Optional<String> model, ErrorBody error) {
        return writeError(
                incoming, results.rejected(incoming, id, model, error), error, model.orElse(WorkerMetrics.UNKNOWN));
    }

    private CompletableFuture<Void> fail(IncomingRequest incoming, AdmittedRequest admitted, ErrorBody error) {
        return writeError(
                incoming,
                results.failed(incoming, admitted, error),
                error,
                admitted.message().model());
    }

    private CompletableFuture<Void> writeError(
            IncomingRequest incoming, ResultMessage result, ErrorBody error, String model) {
        LOG.infof(
                "request '%s' failed: %s (%s)",
                result.id(), error.code(), error.param().orElse("no field"));
        CompletableFuture<Void> letter = skipUnlessClosed(
                writer.deadLetter(incoming, error),
                failure -> LOG.warnf(
                        "the dead letter of request '%s' can't be written: %s", result.id(), failure.getMessage()));
        CompletableFuture<Void> written = skipUnlessClosed(
                writer.result(incoming, result),
                failure -> LOG.errorf(failure, "request '%s' has no result: its error can't be written", result.id()));
        CompletableFuture<Void> both = CompletableFuture.allOf(written, letter);
        both.thenRun(() -> metrics.countRequest(metricTag.apply(model), error.code()));
        return both;
    }

    /** Fails only if the writer is closed: then the request stays open for redelivery. */
    private CompletableFuture<Void> skipUnlessClosed(CompletableFuture<Void> sent, Consumer<Throwable> log) {
        return sent.exceptionallyCompose(failure -> {
            if (writer.isClosed()) {
                return CompletableFuture.failedFuture(failure);
            }
            log.accept(failure);
            return CompletableFuture.completedFuture(null);
        });
    }

    private void record(IncomingRequest incoming, String model, Completion completion) {
        String adapter = metricTag.apply(model);
        Completion.Timing timing = completion.timing();
        metrics.countRequest(adapter, Results.label(completion.choices().get(0).finishReason()));
        metrics.countTokens(
                adapter, completion.usage().promptTokens(), completion.usage().completionTokens());
        metrics.recordQueueTime(timing.queuedMs());
        metrics.recordRequestDuration(incoming.age());
        Results.firstTokenMs(completion)
                .ifPresent(milliseconds -> metrics.recordTimeToFirstToken(adapter, milliseconds));
        int longest = completion.choices().stream()
                .mapToInt(choice -> choice.tokens().size())
                .max()
                .orElse(0);
        if (longest > 1) {
            metrics.recordTimePerToken(
                    adapter, (timing.totalMs() - timing.queuedMs() - timing.firstTokenMs()) / (longest - 1));
        }
    }

    @Override
    public void close() {
        writer.close();
    }
}
