package io.tidemark.request;

import io.tidemark.adapter.AdapterLease;
import io.tidemark.adapter.AdapterLoadTimeoutException;
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
import io.tidemark.time.RunningTime;
import io.tidemark.time.Time;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
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
    private final Watchdog watchdog;

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
     * @param limits    checked by {@link #tick}
     */
    public record Threads(Executor admission, Timer deadlines, TimeLimits limits) {}

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
        this.watchdog = new Watchdog(engine, threads.limits());
    }

    /** A request and its state. */
    private final class Run {

        private final ReceivedRequest request;
        private final Consumer<Answer> taker;
        /** Id in the engine: two records may have the same id, and a record may be delivered twice. */
        private final String engineId;

        /** Written by transitions, which hold the lock of this object. */
        private volatile RequestState state = new RequestState.Received();

        /** Set on the thread of admission, before it reads it. */
        private Watchdog.AdmissionRun admission;

        /** Guarded by this object. */
        private Runnable cancelDeadline = () -> {};

        private Run(ReceivedRequest request, Consumer<Answer> taker) {
            this.request = request;
            this.taker = taker;
            this.engineId = engineId(request, String.valueOf(deliveries.incrementAndGet()));
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

        /** Whether the request is abandoned or has its answer. A late failure of it is of no interest. */
        private boolean needsNoAnswer() {
            return isAbandoned() || state.hasEnded();
        }

        /** Whether the chat template must end: it has taken too long, or the request has ended. */
        private boolean isInterrupted() {
            return admission.isInterrupted() || needsNoAnswer();
        }

        private boolean isInEngine() {
            return state instanceof RequestState.Running;
        }

        /** Empty if the request has been abandoned. */
        private synchronized Optional<RequestState.Parsed> parsed(RequestMessage message) {
            if (!(state instanceof RequestState.Received received)) {
                return Optional.empty();
            }
            RequestState.Parsed parsed = received.parsed(message.id().orElseGet(request::derivedId), message);
            state = parsed;
            return Optional.of(parsed);
        }

        private synchronized void endAt(Instant deadline) {
            if (!state.hasEnded()) {
                cancelDeadline = threads.deadlines()
                        .schedule(Duration.between(time.instant(), deadline), () -> cancel(FinishReason.DEADLINE));
            }
        }

        /** Returns false if the request has ended. */
        private synchronized boolean prepared(Prepared prepared) {
            if (state.hasEnded()) {
                return false;
            }
            state = prepared;
            return true;
        }

        /**
         * Submits the request. The lock is held, so that a cancellation comes before or after the submission: the
         * engine ignores one that precedes it.
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
            return true;
        }

        private synchronized void cancel(FinishReason reason) {
            if (isInEngine()) {
                cancelInEngine(reason);
            } else if (state instanceof Known known) {
                endUnstarted(this, known, reason);
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
            threads.admission().execute(() -> admit(run, () -> parse(run)));
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

    /** The most tokens of a prompt, and of a choice. */
    public int contextLength() {
        return admission.contextLength();
    }

    /** The tokens of the prompt of an open request, once they are known. */
    public OptionalInt promptTokens(ReceivedRequest request) {
        Run run = runs.get(request);
        RequestState state = run == null ? new RequestState.Received() : run.state;
        if (state instanceof Prepared prepared) {
            return OptionalInt.of(prepared.prompt().size());
        }
        return state instanceof RequestState.Running running
                ? OptionalInt.of(running.promptTokens())
                : OptionalInt.empty();
    }

    /** Requests of a topic that the engine does not have yet: they are parsed, or wait for their adapter. */
    public int admitting(String topic) {
        return (int) runs.values().stream()
                .filter(run -> !run.isInEngine() && run.request.source().topic().equals(topic))
                .count();
    }

    /**
     * Checks the time limits; called a second after the end of the last call, see {@link RunningTime}. An admission
     * beyond its limit is interrupted. A step or an admission that hangs ends the process: the log names its requests.
     */
    public void tick() {
        boolean found = watchdog.hang().isPresent();
        watchdog.tick()
                .ifPresent(run -> LOG.warnf(
                        "the admission of request %s takes too long and is interrupted"
                                + " (tidemark.limits.admission-time)",
                        describe(Set.of(run.request()))));
        Optional<Watchdog.Hang> hang = watchdog.hang();
        if (hang.isPresent() && !found) {
            LOG.errorf(
                    "%s; the process ends without a release of its partitions; the requests are: %s",
                    hang.get().what(), describe(hang.get().requests()));
            onFailure.accept(new IllegalStateException(hang.get().what()));
        }
    }

    /** What hangs, if something does: only the end of the process resolves it. */
    public Optional<String> hang() {
        return watchdog.hang().map(Watchdog.Hang::what);
    }

    /** How long the oldest running step of the engine has taken, in whole seconds. */
    public Duration stepAge() {
        return watchdog.stepAge();
    }

    /**
     * Whether a request is in a step or an admission that seems to hang, also one that is abandoned, and an earlier
     * delivery of its record. A worker that gives its partition back then must not remove its name: the end of this
     * worker may be the request's fault.
     */
    public boolean seemsToHang(ReceivedRequest request) {
        String delivered = engineId(request, "");
        return watchdog.isSuspect(engineId -> engineId.startsWith(delivered));
    }

    /** @param delivery differs between the deliveries of a record */
    private static String engineId(ReceivedRequest request, String delivery) {
        return request.derivedId() + "#" + delivery;
    }

    /** Ids and positions of open requests, for the log. */
    private String describe(Set<String> engineIds) {
        return runs.values().stream()
                .filter(run -> engineIds.contains(run.engineId))
                .map(run -> "'" + LogText.of(run.id()) + "' at " + position(run.request.source()))
                .sorted()
                .collect(Collectors.joining(", "));
    }

    private Parsed<RequestMessage> parse(ReceivedRequest request) {
        return request.size() > maxRequestBytes
                ? RequestMessage.tooLarge(request.size(), maxRequestBytes)
                : RequestMessage.parse(request.value().orElse(null), maxRequestBytes);
    }

    /** A step of the admission on its thread, within the time limit. Returns whether the engine has the request. */
    private boolean admit(Run run, Step step) {
        run.admission = watchdog.admits(run.engineId);
        try {
            return attempt(run, step);
        } finally {
            watchdog.admitted();
        }
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
            run.cancel(FinishReason.DEADLINE);
            return false;
        }
        deadline.ifPresent(run::endAt);
        if (isCancelled(run)) {
            run.cancel(FinishReason.CANCELLED);
            return false;
        }
        Prepared prepared = admission.prepare(run.request.tenant(), parsed, run::isInterrupted);
        engine.validate(prepared.prompt(), prepared.params());
        if (!run.prepared(prepared)) {
            return false;
        }
        if (prepared.adapter().isEmpty()) {
            return run.submit(
                    admission.admit(run.request.tenant(), prepared, run.engineId, Optional.empty()), Optional.empty());
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
        boolean submitted = admit(
                run,
                () -> run.submit(
                        admission.admit(run.request.tenant(), prepared, run.engineId, Optional.of(lease.adapter())),
                        Optional.of(lease)));
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
        } else if (!run.needsNoAnswer()) {
            reject(run, run.id(), error(run, reason));
        }
    }

    private void reject(Run run, String id, ErrorBody error) {
        complete(run, () -> answers.rejected(run.request, id, run.model(), error));
    }

    private void endUnstarted(Run run, Known known, FinishReason reason) {
        complete(run, () -> {
            RequestEvents.unstarted(run.request, known.id(), known.message(), reason);
            return answers.unstarted(run.request, known.id(), known.message(), reason);
        });
    }

    /** Called on a thread of the engine, or on the one that cancels a queued request. */
    private void finished(Run run, AdmittedRequest admitted, Optional<AdapterLease> lease, Outcome outcome) {
        lease.ifPresent(AdapterLease::close);
        complete(run, () -> answers.finished(run.request, admitted, outcome));
    }

    private void complete(Run run, Supplier<Answer> making) {
        // the engine also rejects requests when it has failed; all of them are abandoned then
        if (run.needsNoAnswer()) {
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
            if (reason instanceof AdapterLoadTimeoutException) {
                return ErrorBody.adapterTimeout(known.message().model());
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
