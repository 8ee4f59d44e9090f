package io.tidemark.stream.worker;

import io.tidemark.adapter.AdapterLease;
import io.tidemark.adapter.InvalidAdapterException;
import io.tidemark.generation.Engine;
import io.tidemark.generation.FinishReason;
import io.tidemark.generation.RequestRejectedException;
import io.tidemark.message.CancellationMessage;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.Parsed;
import io.tidemark.message.RequestMessage;
import io.tidemark.text.LogText;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import org.jboss.logging.Logger;

/**
 * The life cycle of requests: parsed, admitted, generated, answered. It writes events only. The
 * caller of {@link #answer} writes the answer, which is the value of a future.
 *
 * <p>A request can also be abandoned: it is not answered and its future never completes, so that its offset is not
 * committed and the next owner of the partition receives it.
 *
 * <p>All methods may be called from any thread. Parsing and tokenization run in order on the thread
 * {@code tidemark-admission}. A request that waits for its adapter does not block the requests behind it. The thread
 * {@code tidemark-deadlines} ends requests whose deadline has passed.
 */
final class RequestLifecycle implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(RequestLifecycle.class);
    private static final ErrorBody ADMISSION_FAILED =
            ErrorBody.serverError("internal_error", "the worker failed to admit the request");

    private final int maxRequestBytes;
    private final Admission admission;
    private final Function<String, CompletableFuture<AdapterLease>> adapters;
    private final Engine engine;
    private final EventWriter events;
    private final Answers answers;
    private final ReplyRouting routing;
    private final Clock clock;

    private final Map<IncomingRequest, Run> runs = new ConcurrentHashMap<>();
    private final RecentCancellations cancellations = new RecentCancellations();
    private final AtomicLong deliveries = new AtomicLong();
    private volatile boolean allAbandoned;
    private final ExecutorService admissionThread =
            Executors.newSingleThreadExecutor(work -> new Thread(work, "tidemark-admission"));
    private final ScheduledThreadPoolExecutor deadlines =
            new ScheduledThreadPoolExecutor(1, work -> new Thread(work, "tidemark-deadlines"));

    /** A request on its way to its answer. */
    private final class Run {

        private final IncomingRequest incoming;
        private final CompletableFuture<Answer> answer = new CompletableFuture<>();
        /** Id in the engine: two records may have the same id, and a record may be delivered twice. */
        private final String engineId;

        private volatile String id;
        private volatile Optional<RequestMessage> message = Optional.empty();
        private volatile Optional<FinishReason> cancelled = Optional.empty();
        private volatile Optional<Future<?>> timer = Optional.empty();
        private volatile boolean submitted;
        private volatile boolean abandoned;

        Run(IncomingRequest incoming) {
            this.incoming = incoming;
            this.id = incoming.derivedId();
            this.engineId = incoming.derivedId() + "#" + deliveries.incrementAndGet();
        }

        boolean isAbandoned() {
            return abandoned || allAbandoned;
        }

        private void cancel(FinishReason reason) {
            cancelled = Optional.of(reason);
            cancelInEngine(reason);
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
     * @param maxRequestBytes larger records are rejected without parsing
     * @param adapters        leases an adapter by id; loads it if necessary
     * @param clock           decides whether a deadline has passed
     */
    RequestLifecycle(
            int maxRequestBytes,
            Admission admission,
            Function<String, CompletableFuture<AdapterLease>> adapters,
            Engine engine,
            EventWriter events,
            Answers answers,
            ReplyRouting routing,
            Clock clock) {
        this.maxRequestBytes = maxRequestBytes;
        this.admission = admission;
        this.adapters = adapters;
        this.engine = engine;
        this.events = events;
        this.answers = answers;
        this.routing = routing;
        this.clock = clock;
        deadlines.setRemoveOnCancelPolicy(true);
    }

    /** Answers a request. The future completes on any thread, always normally, or never if the request is abandoned. */
    CompletableFuture<Answer> answer(IncomingRequest incoming) {
        Run run = new Run(incoming);
        runs.put(incoming, run);
        try {
            admissionThread.execute(() -> parse(run));
        } catch (RejectedExecutionException e) {
            LOG.debugf("a request was read after the worker was closed: %s", e.getMessage());
        }
        return run.answer;
    }

    /** The answer of a request that has ended workers and is not run again. */
    Answer crashed(IncomingRequest incoming) {
        Optional<RequestMessage> message = Optional.empty();
        try {
            if (RequestMessage.parse(incoming.record().value(), maxRequestBytes)
                    instanceof Parsed.Valid<RequestMessage> valid) {
                message = Optional.of(valid.record());
            }
        } catch (RuntimeException | StackOverflowError e) {
            LOG.errorf(e, "the request at %s could not be parsed", incoming.position());
        }
        return answers.rejected(
                incoming,
                message.flatMap(RequestMessage::id).orElseGet(incoming::derivedId),
                message.map(RequestMessage::model),
                ErrorBody.serverError(
                        "worker_crashed",
                        "the worker process ended each time it ran this request alone; the request is not repeated"));
    }

    /**
     * Ends the open requests that a cancellation names; their results contain the text generated so far. Also applies to
     * requests that are read later. A request whose record is newer than a cancellation of its id continues.
     *
     * @param timestamp of the record of the cancellation, milliseconds since 1970
     */
    void cancel(CancellationMessage cancellation, long timestamp) {
        cancellations.add(cancellation, timestamp);
        runs.values().stream().filter(this::isCancelled).forEach(run -> run.cancel(FinishReason.CANCELLED));
    }

    private boolean isCancelled(Run run) {
        return cancellations.covers(
                run.id, run.incoming.position(), run.incoming.record().timestamp());
    }

    /** Ends a request without an answer. */
    void abandon(IncomingRequest incoming) {
        Run run = runs.remove(incoming);
        if (run != null) {
            run.abandoned = true;
            run.timer.ifPresent(timer -> timer.cancel(false));
            run.cancelInEngine(FinishReason.CANCELLED);
        }
    }

    /** Abandons all requests: a failed engine also fails requests that another worker can answer. */
    void abandonAll() {
        allAbandoned = true;
    }

    /** An upper estimate of the seconds until a running request ends; empty if it is not running. */
    OptionalDouble secondsLeft(IncomingRequest incoming) {
        Run run = runs.get(incoming);
        return run == null ? OptionalDouble.empty() : engine.secondsLeft(run.engineId);
    }

    /** Requests of a topic that the engine does not have yet: they are parsed, or wait for their adapter. */
    int admitting(String topic) {
        return (int) runs.values().stream()
                .filter(run -> !run.submitted
                        && run.incoming.position().partition().topic().equals(topic))
                .count();
    }

    private void parse(Run run) {
        try {
            Parsed<RequestMessage> parsed =
                    RequestMessage.parse(run.incoming.record().value(), maxRequestBytes);
            if (parsed instanceof Parsed.Valid<RequestMessage> valid) {
                run.message = Optional.of(valid.record());
                valid.record().id().ifPresent(id -> run.id = id);
                prepare(run, valid.record());
            } else if (parsed instanceof Parsed.Invalid<RequestMessage> invalid) {
                invalid.id().ifPresent(id -> run.id = id);
                reject(run, invalid.error());
            }
        } catch (RuntimeException | Error e) {
            // without an answer, the partition's offset would never advance
            LOG.errorf(e, "the request at %s could not be parsed", run.incoming.position());
            reject(run, ADMISSION_FAILED);
        }
    }

    private void prepare(Run run, RequestMessage message) {
        if (routing.route(run.incoming.record()) instanceof ReplyRouting.Route.Refused refused) {
            reject(run, refused.error());
            return;
        }
        Optional<Instant> deadline = message.expiry(run.incoming.record().timestamp());
        if (deadline.filter(end -> !end.isAfter(clock.instant())).isPresent()) {
            complete(run, answers.expired(run.incoming, message, run.id));
            return;
        }
        attempt(run, () -> {
            Admission.Prepared prepared = admission.prepare(message, run.id, run.engineId);
            engine.validate(prepared.prompt(), prepared.params());
            if (isCancelled(run)) {
                run.cancelled = Optional.of(FinishReason.CANCELLED);
            }
            deadline.ifPresent(end -> endAt(run, end));
            if (prepared.adapter().isEmpty()) {
                submit(run, prepared, Optional.empty());
            } else {
                adapters.apply(prepared.adapter().get())
                        .whenCompleteAsync(
                                (lease, failure) -> onAdapter(run, prepared, lease, failure), admissionThread);
            }
        });
    }

    private void endAt(Run run, Instant deadline) {
        run.timer = Optional.of(deadlines.schedule(
                () -> run.cancel(FinishReason.DEADLINE),
                Math.max(0, Duration.between(clock.instant(), deadline).toMillis()),
                TimeUnit.MILLISECONDS));
    }

    private void onAdapter(Run run, Admission.Prepared prepared, AdapterLease lease, Throwable failure) {
        if (failure != null) {
            reject(run, error(run, failure));
        } else if (!attempt(run, () -> submit(run, prepared, Optional.of(lease)))) {
            lease.close();
        }
    }

    private void submit(Run run, Admission.Prepared prepared, Optional<AdapterLease> lease)
            throws RequestRejectedException {
        AdmittedRequest admitted = admission.admit(prepared, lease.map(AdapterLease::adapter));
        engine.submit(
                admitted.generation(), new RequestEvents(run.incoming, admitted, events, run::isAbandoned, outcome -> {
                    lease.ifPresent(AdapterLease::close);
                    if (!run.isAbandoned()) {
                        complete(run, answers.finished(run.incoming, admitted, outcome));
                    }
                }));
        run.submitted = true;
        // the engine ignores a cancellation that precedes the submission
        run.cancelled.ifPresent(run::cancelInEngine);
        if (run.isAbandoned()) {
            run.cancelInEngine(FinishReason.CANCELLED);
        }
    }

    private interface Step {
        void run() throws Admission.RejectedException, RequestRejectedException;
    }

    /** Runs a step of the admission. Returns false if the request is rejected or abandoned. */
    private boolean attempt(Run run, Step step) {
        if (run.isAbandoned()) {
            return false;
        }
        try {
            step.run();
            return true;
        } catch (Admission.RejectedException | RequestRejectedException | RuntimeException | Error e) {
            reject(run, error(run, e));
            return false;
        }
    }

    private void reject(Run run, ErrorBody error) {
        // the engine also rejects requests when it has failed; all of them are abandoned then
        if (!run.isAbandoned()) {
            complete(run, answers.rejected(run.incoming, run.id, run.message.map(RequestMessage::model), error));
        }
    }

    private void complete(Run run, Answer answer) {
        runs.remove(run.incoming);
        run.timer.ifPresent(timer -> timer.cancel(false));
        run.answer.complete(answer);
    }

    /** The error for the sender. Exceptions other than rejections are logged, and the error has no details of them. */
    private static ErrorBody error(Run run, Throwable reason) {
        if (reason instanceof Admission.RejectedException rejected) {
            return rejected.error();
        }
        if (reason instanceof RequestRejectedException refused) {
            String param =
                    refused.isAboutPrompt() ? run.message.orElseThrow().input().field() : refused.param();
            return ErrorBody.invalidRequest(refused.code(), param, refused.getMessage());
        }
        if (reason instanceof InvalidAdapterException) {
            return ErrorBody.adapterUnusable(run.message.orElseThrow().model());
        }
        LOG.errorf(reason, "request '%s' could not be admitted", LogText.of(run.id));
        return ADMISSION_FAILED;
    }

    @Override
    public void close() {
        admissionThread.shutdownNow();
        deadlines.shutdownNow();
    }
}
