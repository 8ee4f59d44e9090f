package io.tidemark.stream.worker;

import io.tidemark.generation.Completion;
import io.tidemark.generation.FinishReason;
import io.tidemark.generation.Outcome;
import io.tidemark.generation.Outcome.Failure;
import io.tidemark.load.WorkEstimate;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.RequestMessage;
import io.tidemark.message.ResultMessage;
import io.tidemark.stream.metrics.WorkerMetrics;
import io.tidemark.text.LogText;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.jboss.logging.Logger;

/** Makes the answers of requests, and counts them when they are committed. Thread-safe. */
final class Answers {

    private static final Logger LOG = Logger.getLogger(Answers.class);

    private final Results results;
    private final WorkerMetrics metrics;
    private final WorkEstimate work;
    private final UnaryOperator<String> metricTag;

    /** @param metricTag the tag of metrics for the model of a request */
    Answers(Results results, WorkerMetrics metrics, WorkEstimate work, UnaryOperator<String> metricTag) {
        this.results = results;
        this.metrics = metrics;
        this.work = work;
        this.metricTag = metricTag;
    }

    /** The answer of a request that was generated. */
    Answer finished(IncomingRequest incoming, AdmittedRequest admitted, Outcome outcome) {
        String model = admitted.message().model();
        if (outcome instanceof Failure failure) {
            ErrorBody error = ErrorBody.serverError(failure.code(), failure.message());
            return failed(results.failed(incoming, admitted, error), error, model);
        }
        Completion completion = (Completion) outcome;
        long ended = System.nanoTime();
        return new Answer(
                results.completed(incoming, admitted, completion),
                Optional.empty(),
                () -> record(incoming, model, completion, ended));
    }

    /** The answer of a request whose deadline had passed when it was read: choices without text. */
    Answer expired(IncomingRequest incoming, RequestMessage message, String id) {
        return new Answer(
                results.expired(incoming, message, id),
                Optional.empty(),
                () -> recordWithoutTokens(message.model(), Results.label(FinishReason.DEADLINE)));
    }

    /** The answer of a request that was not generated. */
    Answer rejected(IncomingRequest incoming, String id, Optional<String> model, ErrorBody error) {
        return failed(results.rejected(incoming, id, model, error), error, model.orElse(WorkerMetrics.UNKNOWN));
    }

    private Answer failed(ResultMessage result, ErrorBody error, String model) {
        LOG.infof(
                "request '%s' failed: %s (%s)",
                LogText.of(result.id()), error.code(), LogText.of(error.param().orElse("no field")));
        return new Answer(result, Optional.of(error), () -> recordWithoutTokens(model, error.code()));
    }

    private void recordWithoutTokens(String model, String outcome) {
        metrics.countRequest(metricTag.apply(model), outcome);
        work.rejected();
    }

    private void record(IncomingRequest incoming, String model, Completion completion, long endedNanos) {
        String adapter = metricTag.apply(model);
        Completion.Timing timing = completion.timing();
        metrics.countRequest(adapter, Results.label(completion.choices().get(0).finishReason()));
        Completion.Usage usage = completion.usage();
        metrics.countTokens(adapter, usage.promptTokens(), usage.completionTokens());
        work.answered(
                usage.promptTokens(),
                usage.completionTokens(),
                completion.choices().size());
        metrics.recordQueueTime(timing.queuedMs());
        metrics.recordRequestDuration(incoming.age());
        metrics.recordCommitTime((System.nanoTime() - endedNanos) / 1e6);
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
}
