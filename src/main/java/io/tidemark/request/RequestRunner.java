package io.tidemark.request;

import io.tidemark.adapter.AdapterLease;
import io.tidemark.adapter.InvalidAdapterException;
import io.tidemark.generation.Engine;
import io.tidemark.generation.FinishReason;
import io.tidemark.generation.Outcome;
import io.tidemark.generation.RequestRejectedException;
import io.tidemark.input.RejectedException;
import io.tidemark.message.CancellationMessage;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.Parsed;
import io.tidemark.message.Provenance.Source;
import io.tidemark.message.RequestMessage;
import io.tidemark.request.RequestState.Known;
import io.tidemark.request.RequestState.Prepared;
import io.tidemark.text.LogText;
import io.tidemark.time.Time;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jboss.logging.Logger;

/**
 * Runs requests from their receipt to their answer; {@link RequestState} has the states. It sends events to the reply
 * target of a request, and gives the answer to whoever has started the request.
 *
 * <p>A request can also be abandoned: it has no answer, so that its offset is not committed and the next owner of the
 * partition receives it.
 *
 * <p>Every request that is not abandoned gets its answer, once. An exception while an answer is made becomes the answer
 * {@code internal_error}. An {@link Error}, and an exception of the taker of an answer, are passed to {@code
 * onFailure}, which must end the process. An exception to this is {@link StackOverflowError}, which depends on the
 * input alone.
 *
 * <p>All methods may be called from any thread. Parsing and tokenization run on the executor of admission, which must
 * run one task at a time, in order. A request that waits for its adapter does not block the requests behind it.
 */
public final class RequestRunner {

    /** The time for which a cancellation applies to requests that are received later. */
    public static final Duration CANCELLATION_RETENTION = Duration.ofMillis(RecentCancellations.RETENTION_MS);

    private static final Logger LOG = Logger.getLogger(RequestRunner.class);
    private static final ErrorBody ADMISSION_FAILED =
            ErrorBody.serverError("internal_error", "the worker failed to admit the request");
    private static final ErrorBody ANSWER_FAILED =
            ErrorBody.serverError("internal_error", "the worker failed to build the result");
    private static final ErrorBody CRASHED = ErrorBody.serverError(
            "worker_crashed",
            "the worker process ended each time it ran this request alone; the request is not repeated");

    private final int maxRequestBytes;
    private final Admission admission;
    private final Function<String, CompletableFuture<AdapterLease>> adapters;
    private final Engine engine;
    private final Answers answers;
    private final Threads threads;
    private final Time time;
    private final Consumer<Throwable> onFailure;

    private final Map<ReceivedRequest, Run> runs = new ConcurrentHashMap<>();
    private final RecentCancellations cancellations = new RecentCancellations();
    private final AtomicLong deliveries = new AtomicLong();
    private volatile boolean allAbandoned;

    /** Runs tasks later. */
    @FunctionalInterface
    public interface Timer {

        /** Runs a task on any thread after a delay. The result cancels it; it has no effect afterwards. */
        Runnable schedule(Duration delay, Runnable task);
    }

    /**
     * The threads of a runner. The caller ends them.
     *
     * @param admission runs one task at a time, in order
     * @param deadlines ends requests whose deadline has passed
     */
    public record Threads(Executor admission, Timer deadlines) {}

    /**
     * @param maxRequestBytes larger requests are rejected without parsing
     * @param adapters        leases an adapter by id; loads it if necessary
     * @param onFailure       ends the process
     */
    public RequestRunner(
            int maxRequestBytes,
            Admission admission,
            Function<String, CompletableFuture<AdapterLease>> adapters,
            Engine engine,
            Answers answers,
            Threads threads,
            Time time,
            Consumer<Throwable> onFailure) {
        this.maxRequestBytes = maxRequestBytes;
        this.admission = admission;
        this.adapters = adapters;
        this.engine = engine;
        this.answers = answers;
        this.threads = threads;
        this.time = time;
        this.onFailure = onFailure;
    }

    /** A request and its state. */
    private final class Run {

        private final ReceivedRequest request;
        private final Consumer<Answer> taker;
        /** Id in the engine: two records may have the same id, and a record may be delivered twice. */
        private final String engineId;
        /** Of the answer, before the request is parsed. */
        private final long unknownAnswerBytes;

        /** Written by transitions, which hold the lock of this object. */
        private volatile RequestState state = new RequestState.Received();

        /** Guarded by this object. */
        private Runnable cancelDeadline = () -> {};

        private Run(ReceivedRequest request, Consumer<Answer> taker) {
            this.request = request;
            this.taker = taker;
            this.engineId = request.derivedId() + "#" + deliveries.incrementAndGet();
            this.unknownAnswerBytes =
                    request.value().map(RequestBytes::ofUnknownAnswer).orElse(0L);
        }

        private String id() {
            return state instanceof Known known ? known.id() : request.derivedId();
        }

        private Optional<String> model() {
            return state instanceof Known known ? Optional.of(known.message().model()) : Optional.empty();
        }

        private boolean isAbandoned() {
            return allAbandoned || state instanceof RequestState.Abandoned;
        }

        private boolean isInEngine() {
            return state instanceof RequestState.Running;
        }

        private synchronized Optional<RequestState.Parsed> parsed(RequestMessage message) {
            if (!(state instanceof RequestState.Received received)) {
                return Optional.empty();
            }
            RequestState.Parsed parsed = received.parsed(message.id().orElseGet(request::derivedId), message);
            state = parsed;
            return Optional.of(parsed);
        }

        /** Returns false if the request has been abandoned. */
        private synchronized boolean prepared(Prepared prepared, Optional<Instant> end) {
            if (state.hasEnded()) {
                return false;
            }
            state = prepared;
            end.ifPresent(instant -> cancelDeadline = threads.deadlines()
                    .schedule(Duration.between(time.instant(), instant), () -> cancel(FinishReason.DEADLINE)));
            return true;
        }

        /**
         * Submits the request and ends it again if it was cancelled before. The lock is held, so that a cancellation
         * comes before or after the submission: the engine ignores one that precedes it.
         */
        private synchronized boolean submit(AdmittedRequest admitted, Optional<AdapterLease> lease)
                throws RequestRejectedException {
            if (!(state instanceof Prepared prepared) || allAbandoned) {
                return false;
            }
            engine.submit(
                    admitted.generation(),
                    new RequestEvents(
                            request, admitted, this::isAbandoned, outcome -> finished(this, admitted, lease, outcome)));
            if (!state.hasEnded()) {
                state = prepared.running();
            }
            prepared.cancelled().ifPresent(this::cancelInEngine);
            return true;
        }

        private synchronized void cancel(FinishReason reason) {
            if (state instanceof Prepared prepared) {
                state = prepared.cancelled(reason);
            } else if (isInEngine()) {
                cancelInEngine(reason);
            }
        }

        /** Ends the request without an answer. */
        private synchronized void abandon() {
            if (!state.hasEnded()) {
                boolean running = isInEngine();
                end(new RequestState.Abandoned());
                if (running) {
                    cancelInEngine(FinishReason.CANCELLED);
                }
            }
        }

        /** Returns false if the request has ended before. */
        private synchronized boolean answered() {
            if (state.hasEnded()) {
                return false;
            }
            end(new RequestState.Answered());
            return true;
        }

        private void end(RequestState ended) {
            state = ended;
            cancelDeadline.run();
            runs.remove(request);
        }

        private void cancelInEngine(FinishReason reason) {
            try {
                engine.cancel(engineId, reason);
            } catch (IllegalStateException e) {
                LOG.debugf("the engine is closed: %s", e.getMessage());
            }
        }
    }

    /**
     * Runs a request.
     *
     * @param taker takes the answer, on any thread, once, unless the request is abandoned
     */
    public void start(ReceivedRequest request, Consumer<Answer> taker) {
        Run run = new Run(request, taker);
        runs.put(request, run);
        try {
            threads.admission().execute(() -> attempt(run, () -> parse(run)));
        } catch (RejectedExecutionException e) {
            LOG.debugf("a request was read after the worker was closed: %s", e.getMessage());
        }
    }

    /** The answer of a crashing request, which is not run again. */
    public Answer crashed(ReceivedRequest request) {
        Optional<RequestMessage> message = Optional.empty();
        try {
            if (parse(request) instanceof Parsed.Valid<RequestMessage> valid) {
                message = Optional.of(valid.record());
            }
        } catch (RuntimeException | StackOverflowError e) {
            LOG.errorf(e, "the request at %s could not be parsed", position(request.source()));
        }
        return answers.rejected(
                request,
                message.flatMap(RequestMessage::id).orElseGet(request::derivedId),
                message.map(RequestMessage::model),
                CRASHED);
    }

    /**
     * Ends the open requests that a cancellation names; their results contain the text generated so far. Also applies
     * to requests that are received later. A request whose record is newer than a cancellation of its id continues.
     *
     * @param timestamp of the record of the cancellation, milliseconds since 1970
     */
    public void cancel(CancellationMessage cancellation, long timestamp) {
        cancellations.add(cancellation, timestamp);
        runs.values().stream().filter(this::isCancelled).forEach(run -> run.cancel(FinishReason.CANCELLED));
    }

    private boolean isCancelled(Run run) {
        return cancellations.covers(run.id(), run.request);
    }

    /** Ends a request without an answer. */
    public void abandon(ReceivedRequest request) {
        Optional.ofNullable(runs.get(request)).ifPresent(Run::abandon);
    }

    /** Abandons all requests, also later ones: a failed engine also fails requests that another worker can answer. */
    public void abandonAll() {
        allAbandoned = true;
    }

    /** An upper estimate of the seconds until a running request ends; empty if it is not running. */
    public OptionalDouble secondsLeft(ReceivedRequest request) {
        Run run = runs.get(request);
        return run == null ? OptionalDouble.empty() : engine.secondsLeft(run.engineId);
    }

    /** The most bytes of heap that the answer of a request may use until it ends. */
    public long answerBytes(ReceivedRequest request) {
        Run run = runs.get(request);
        if (run == null) {
            return 0;
        }
        return run.state instanceof Known known ? RequestBytes.ofAnswer(known.message()) : run.unknownAnswerBytes;
    }

    /** Requests of a topic that the engine does not have yet: they are parsed, or wait for their adapter. */
    public int admitting(String topic) {
        return (int) runs.values().stream()
                .filter(run -> !run.isInEngine() && run.request.source().topic().equals(topic))
                .count();
    }

    private Parsed<RequestMessage> parse(ReceivedRequest request) {
        return request.size() > maxRequestBytes
                ? RequestMessage.tooLarge(request.size(), maxRequestBytes)
                : RequestMessage.parse(request.value().orElse(null), maxRequestBytes);
    }

    private boolean parse(Run run) throws RejectedException, RequestRejectedException {
        Parsed<RequestMessage> parsed = parse(run.request);
        if (parsed instanceof Parsed.Invalid<RequestMessage> invalid) {
            reject(run, invalid.id().orElseGet(run.request::derivedId), invalid.error());
            return false;
        }
        Optional<RequestState.Parsed> valid = run.parsed(((Parsed.Valid<RequestMessage>) parsed).record());
        return valid.isPresent() && prepare(run, valid.get());
    }

    private boolean prepare(Run run, RequestState.Parsed parsed) throws RejectedException, RequestRejectedException {
        Optional<ErrorBody> refusal = run.request.reply().refusal();
        if (refusal.isPresent()) {
            reject(run, parsed.id(), refusal.get());
            return false;
        }
        Optional<Instant> deadline = parsed.message().expiry(run.request.timestamp());
        if (deadline.filter(end -> !end.isAfter(time.instant())).isPresent()) {
            complete(run, () -> answers.expired(run.request, parsed.id(), parsed.message()));
            return false;
        }
        Prepared prepared = admission.prepare(parsed);
        engine.validate(prepared.prompt(), prepared.params());
        if (!run.prepared(prepared, deadline)) {
            return false;
        }
        if (isCancelled(run)) {
            run.cancel(FinishReason.CANCELLED);
        }
        if (prepared.adapter().isEmpty()) {
            return run.submit(admission.admit(prepared, run.engineId, Optional.empty()), Optional.empty());
        }
        adapters.apply(prepared.adapter().get())
                .whenCompleteAsync((lease, failure) -> onAdapter(run, prepared, lease, failure), threads.admission());
        return false;
    }

    private void onAdapter(Run run, Prepared prepared, AdapterLease lease, Throwable failure) {
        if (failure != null) {
            fail(run, failure);
            return;
        }
        boolean submitted = attempt(
                run,
                () -> run.submit(
                        admission.admit(prepared, run.engineId, Optional.of(lease.adapter())), Optional.of(lease)));
        if (!submitted) {
            lease.close();
        }
    }

    private interface Step {
        /** Returns whether the engine has the request. */
        boolean run() throws RejectedException, RequestRejectedException;
    }

    /** Runs a step of the admission, unless the request is abandoned. Returns whether the engine has the request. */
    private boolean attempt(Run run, Step step) {
        try {
            return !run.isAbandoned() && step.run();
        } catch (RejectedException | RequestRejectedException | RuntimeException | Error e) {
            fail(run, e);
            return false;
        }
    }

    /** An exception becomes the answer; an error ends the process. */
    private void fail(Run run, Throwable reason) {
        if (reason instanceof Error && !(reason instanceof StackOverflowError)) {
            failed(run, reason);
        } else if (!run.isAbandoned()) {
            reject(run, run.id(), error(run, reason));
        }
    }

    private void reject(Run run, String id, ErrorBody error) {
        complete(run, () -> answers.rejected(run.request, id, run.model(), error));
    }

    /** Called on a thread of the engine. */
    private void finished(Run run, AdmittedRequest admitted, Optional<AdapterLease> lease, Outcome outcome) {
        lease.ifPresent(AdapterLease::close);
        complete(run, () -> answers.finished(run.request, admitted, outcome));
    }

    private void complete(Run run, Supplier<Answer> making) {
        // the engine also rejects requests when it has failed; all of them are abandoned then
        if (run.isAbandoned()) {
            return;
        }
        try {
            Answer answer = made(run, making);
            if (run.answered()) {
                run.taker.accept(answer);
            }
        } catch (RuntimeException | Error e) {
            failed(run, e);
        }
    }

    private Answer made(Run run, Supplier<Answer> making) {
        try {
            return making.get();
        } catch (RuntimeException | StackOverflowError e) {
            LOG.errorf(e, "the result of request '%s' could not be built", LogText.of(run.id()));
            return answers.rejected(run.request, run.id(), run.model(), ANSWER_FAILED);
        }
    }

    private void failed(Run run, Throwable reason) {
        LOG.errorf(reason, "request '%s' could not be answered; the process ends", LogText.of(run.id()));
        onFailure.accept(reason);
    }

    /** The error for the sender. Exceptions other than rejections are logged, and the error has no details of them. */
    private static ErrorBody error(Run run, Throwable reason) {
        if (reason instanceof RejectedException rejected) {
            return rejected.error();
        }
        if (run.state instanceof Known known) {
            if (reason instanceof RequestRejectedException refused) {
                String param = refused.isAboutPrompt() ? known.message().input().field() : refused.param();
                return ErrorBody.invalidRequest(refused.code(), param, refused.getMessage());
            }
            if (reason instanceof InvalidAdapterException) {
                return ErrorBody.adapterUnusable(known.message().model());
            }
        }
        LOG.errorf(
                reason,
                "request '%s' at %s could not be admitted",
                LogText.of(run.id()),
                position(run.request.source()));
        return ADMISSION_FAILED;
    }

    private static String position(Source source) {
        return source.topic() + "-" + source.partition() + "@" + source.offset();
    }
}
