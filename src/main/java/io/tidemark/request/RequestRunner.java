package io.tidemark.request;

import io.tidemark.adapter.AdapterLease;
import io.tidemark.adapter.RegisteredAdapter;
import io.tidemark.generation.Engine;
import io.tidemark.generation.FinishReason;
import io.tidemark.generation.RequestRejectedException;
import io.tidemark.input.RejectedException;
import io.tidemark.message.CancellationMessage;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.Parsed;
import io.tidemark.message.RequestMessage;
import io.tidemark.request.RequestState.Prepared;
import io.tidemark.tenant.TenantTurns;
import io.tidemark.text.LogText;
import io.tidemark.time.Time;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jboss.logging.Logger;

/**
 * Runs requests from their receipt to their answer; each is a {@link RequestRun}. The answer goes to
 * whoever has started the request.
 *
 * <p>A request can also be abandoned: it has no answer, so that its offset is not committed and the next owner of the
 * partition receives it.
 *
 * <p>Every request that is not abandoned gets its answer, once. An exception while an answer is made becomes the answer
 * {@code internal_error}. An {@link Error}, and an exception of the taker of an answer, are passed to {@code
 * onFailure}, which must end the process. {@link StackOverflowError} is treated as an exception, because
 * it depends on the input alone.
 *
 * <p>All methods may be called from any thread. Requests are parsed and tokenized in the turns of their tenants, one of
 * a tenant at a time, those of a smaller priority first; so a large prompt delays requests of its own tenant only. A
 * request that waits for its format or its adapter does not block the requests behind it: formats are compiled in turns
 * of their own.
 *
 * <p>A deadline or a cancellation ends a request from its receipt on.
 */
public final class RequestRunner {

    /** The time for which a cancellation applies to requests that are received later. */
    public static final Duration CANCELLATION_RETENTION = Duration.ofMillis(RecentCancellations.RETENTION_MS);

    private static final Logger LOG = Logger.getLogger(RequestRunner.class);
    /** What the admission of a small request costs, as bytes of a large one. */
    private static final long MIN_ADMISSION_BYTES = 1024;

    private static final ErrorBody CRASHED = ErrorBody.serverError(
            "worker_crashed",
            "the worker process ended each time it ran this request alone; the request is not repeated");

    private final RequestParser parser;
    private final Admission admission;
    private final Adapters adapters;
    private final Engine engine;
    private final Answers answers;
    private final RequestThreads threads;
    private final Time time;
    private final Consumer<Throwable> onFailure;
    private final Watchdog watchdog;

    private final Map<ReceivedRequest, RequestRun> runs = new ConcurrentHashMap<>();
    private final RecentCancellations cancellations = new RecentCancellations();
    private final AtomicLong deliveries = new AtomicLong();
    private volatile boolean allAbandoned;

    /** Leases adapters. */
    @FunctionalInterface
    public interface Adapters {

        /** Leases an adapter for a request of a tenant; loads it if necessary. */
        CompletableFuture<AdapterLease> lease(RegisteredAdapter adapter, String tenant);
    }

    /** Runs tasks later. */
    @FunctionalInterface
    public interface Timer {

        /** Runs a task on any thread after a delay. The result cancels it; it has no effect afterwards. */
        Runnable schedule(Duration delay, Runnable task);
    }

    /**
     * The threads of a runner. The caller ends them.
     *
     * @param admission parse, tokenize and submit requests
     * @param formats   compile the formats of answers
     * @param deadlines ends requests whose deadline has passed
     * @param limits    checked by the {@link #watchdog}
     */
    public record RequestThreads(
            TenantTurns admission, TenantTurns formats, Timer deadlines, Watchdog.TimeLimits limits) {}

    /**
     * @param onFailure       ends the process
     */
    public RequestRunner(
            RequestParser parser,
            Admission admission,
            Adapters adapters,
            Engine engine,
            Answers answers,
            RequestThreads threads,
            Time time,
            Consumer<Throwable> onFailure) {
        this.parser = parser;
        this.admission = admission;
        this.adapters = adapters;
        this.engine = engine;
        this.answers = answers;
        this.threads = threads;
        this.time = time;
        this.onFailure = onFailure;
        this.watchdog = new Watchdog(engine, threads.limits(), this::describe, onFailure);
    }

    /**
     * Runs a request.
     *
     * @param taker takes the answer, on any thread, once, unless the request is abandoned
     */
    public void start(ReceivedRequest request, Consumer<Answer> taker) {
        RequestRun run = new RequestRun(
                request,
                request.engineIdPrefix() + deliveries.incrementAndGet(),
                engine,
                answers,
                () -> allAbandoned,
                answer -> {
                    runs.remove(request);
                    taker.accept(answer);
                },
                onFailure);
        runs.put(request, run);
        Optional<FinishReason> ending = ending(request);
        if (ending.isPresent()) {
            run.cancel(ending.get());
        } else {
            request.expiry().ifPresent(end -> run.endAfter(Duration.between(time.instant(), end), threads.deadlines()));
        }
        run.waitsFor(threads.admission()
                .execute(
                        request.tenant().name(),
                        request.head().priority(),
                        Math.max(MIN_ADMISSION_BYTES, request.size()),
                        () -> runStep(run, interrupted -> parseAndPrepare(run, interrupted))));
    }

    /** A short step, before the requests of the tenant that are not parsed yet. */
    private void admitFirst(RequestRun run, Step step) {
        threads.admission().executeFirst(run.request().tenant().name(), MIN_ADMISSION_BYTES, () -> runStep(run, step));
    }

    /** Whether a request that has not started ends now: its deadline has passed, or it is cancelled. */
    public boolean hasEnded(ReceivedRequest request) {
        return ending(request).isPresent();
    }

    /** Why a request that the engine does not have yet ends now. */
    private Optional<FinishReason> ending(ReceivedRequest request) {
        if (request.expiry().filter(end -> !end.isAfter(time.instant())).isPresent()) {
            return Optional.of(FinishReason.DEADLINE);
        }
        return isCancelled(request) ? Optional.of(FinishReason.CANCELLED) : Optional.empty();
    }

    /** The answer of a crashing request, which is not run again. */
    public Answer crashed(ReceivedRequest request) {
        Optional<String> model = Optional.empty();
        List<String> ignoredFields = List.of();
        try {
            if (parser.parse(request) instanceof Parsed.Valid<RequestMessage> valid) {
                model = Optional.of(valid.record().model());
                ignoredFields = valid.record().ignoredFields();
            }
        } catch (RuntimeException | StackOverflowError e) {
            request.logFields()
                    .during(() -> LOG.errorf(e, "the request at %s could not be parsed", request.position()));
        }
        request.logFields()
                .withAdapter(model)
                .during(() -> LOG.infof("request '%s' failed: %s", LogText.of(request.id()), CRASHED.code()));
        return answers.rejected(request, request.id(), model, CRASHED, ignoredFields);
    }

    /**
     * Ends the open requests that a cancellation names; their results contain the text generated so far. Also applies
     * to requests that are received later. A request whose record is newer than a cancellation of its id continues.
     *
     * @param timestamp when the record of the cancellation was written, milliseconds since 1970
     */
    public void cancel(CancellationMessage cancellation, long timestamp) {
        cancellations.add(cancellation, timestamp);
        runs.values().stream()
                .filter(run -> isCancelled(run.request()))
                .forEach(run -> run.cancel(FinishReason.CANCELLED));
    }

    private boolean isCancelled(ReceivedRequest request) {
        return cancellations.covers(request.id(), request);
    }

    /** Ends a request without an answer. */
    public void abandon(ReceivedRequest request) {
        Optional.ofNullable(runs.remove(request)).ifPresent(RequestRun::abandon);
    }

    /** Abandons all requests, also later ones: a failed engine also fails requests that another worker can answer. */
    public void abandonAll() {
        allAbandoned = true;
    }

    /** An upper estimate of the seconds until a running request ends; empty if it is not running. */
    public OptionalDouble secondsLeft(ReceivedRequest request) {
        RequestRun run = runs.get(request);
        return run == null ? OptionalDouble.empty() : engine.secondsLeft(run.engineId());
    }

    /** The most tokens of a prompt, and of a choice. */
    public int contextLength() {
        return admission.contextLength();
    }

    /** The tokens of the prompt of an open request, once they are known. */
    public OptionalInt promptTokens(ReceivedRequest request) {
        RequestRun run = runs.get(request);
        return run == null ? OptionalInt.empty() : run.promptTokens();
    }

    /** Requests of a topic that the engine does not have yet: they are parsed, or wait for their format or adapter. */
    public int admitting(String topic) {
        return (int) runs.values().stream()
                .filter(run ->
                        !run.isInEngine() && run.request().source().topic().equals(topic))
                .count();
    }

    /** Checks the time limits of steps and admissions. */
    public Watchdog watchdog() {
        return watchdog;
    }

    /** Ids and positions of open requests, for the log. */
    private String describe(Set<String> engineIds) {
        return runs.values().stream()
                .filter(run -> engineIds.contains(run.engineId()))
                .map(run -> "'" + LogText.of(run.id()) + "' at " + run.request().position())
                .sorted()
                .collect(Collectors.joining(", "));
    }

    private interface Step {
        /** @param interrupted whether the admission has taken too long */
        void run(BooleanSupplier interrupted) throws RejectedException, RequestRejectedException;
    }

    /** Runs a step of the admission within its time limit, on a thread of the admission or of the formats. */
    private void runStep(RequestRun run, Step step) {
        Watchdog.AdmissionRun current = watchdog.admits(run.engineId());
        try {
            step.run(current::isInterrupted);
        } catch (RejectedException | RequestRejectedException | RuntimeException | Error e) {
            run.fail(e);
        } finally {
            watchdog.admitted(current);
        }
    }

    private void parseAndPrepare(RequestRun run, BooleanSupplier interrupted)
            throws RejectedException, RequestRejectedException {
        if (!run.isReceived() || run.isAbandoned()) {
            return;
        }
        Parsed<RequestMessage> parsed = parser.parse(run.request());
        if (parsed instanceof Parsed.Invalid<RequestMessage> invalid) {
            run.invalid(invalid);
            return;
        }
        Optional<RequestState.Validated> valid = run.validated(((Parsed.Valid<RequestMessage>) parsed).record());
        if (valid.isPresent()) {
            prepare(run, valid.get(), interrupted);
        }
    }

    private void prepare(RequestRun run, RequestState.Validated validated, BooleanSupplier interrupted)
            throws RejectedException, RequestRejectedException {
        ReceivedRequest request = run.request();
        Optional<ErrorBody> refusal = request.reply().refusal();
        if (refusal.isPresent()) {
            run.reject(validated.id(), refusal.get());
            return;
        }
        if (run.endIfDue()) {
            return;
        }
        Prepared prepared =
                admission.prepare(request.tenant(), validated, () -> interrupted.getAsBoolean() || run.needsNoAnswer());
        engine.validate(prepared.prompt(), prepared.params());
        if (!run.prepared(prepared)) {
            return;
        }
        Optional<Prepared> ready = admission.withKnownFormat(request.tenant(), prepared);
        if (ready.isPresent()) {
            leaseAndSubmit(run, ready.get());
        } else {
            run.waitsFor(threads.formats()
                    .execute(request.tenant().name(), request.head().priority(), 1, () -> {
                        openFormats(run);
                        runStep(run, never -> compile(run, prepared));
                    }));
        }
    }

    /** Outside of the time limit of an admission: the first opening takes seconds, for which no request is to blame. */
    private void openFormats(RequestRun run) {
        try {
            if (!run.needsNoAnswer()) {
                admission.openFormats();
            }
        } catch (RuntimeException | Error e) {
            run.fail(e);
        }
    }

    /** Compiles the format on a thread of formats, with limits of its own. The request goes on in admission. */
    private void compile(RequestRun run, Prepared prepared) throws RejectedException {
        if (!run.needsNoAnswer()) {
            Prepared compiled = admission.withFormat(run.request().tenant(), prepared);
            if (run.prepared(compiled)) {
                admitFirst(run, interrupted -> leaseAndSubmit(run, compiled));
            }
        }
    }

    private void leaseAndSubmit(RequestRun run, Prepared prepared) throws RequestRejectedException {
        if (!run.prepared(prepared)) {
            return;
        }
        if (prepared.adapter().isEmpty()) {
            submit(run, prepared, Optional.empty());
            return;
        }
        CompletableFuture<AdapterLease> lease = adapters.lease(
                prepared.adapter().get().version(), run.request().tenant().name());
        if (lease.isDone() && !lease.isCompletedExceptionally()) {
            submitWithLease(run, prepared, lease.join());
            return;
        }
        run.waitsFor(lease);
        lease.whenComplete((leased, failure) -> {
            if (failure == null) {
                admitFirst(run, interrupted -> submitWithLease(run, prepared, leased));
            } else {
                run.fail(failure);
            }
        });
    }

    /** Closes the lease if the engine does not get the request. */
    private void submitWithLease(RequestRun run, Prepared prepared, AdapterLease lease)
            throws RequestRejectedException {
        boolean submitted = false;
        try {
            submitted = submit(run, prepared, Optional.of(lease));
        } finally {
            if (!submitted) {
                lease.close();
            }
        }
    }

    /** Returns whether the engine has the request. */
    private boolean submit(RequestRun run, Prepared prepared, Optional<AdapterLease> lease)
            throws RequestRejectedException {
        ReceivedRequest request = run.request();
        AdmittedRequest admitted = admission.admit(
                request.tenant(),
                prepared,
                run.engineId(),
                lease.map(AdapterLease::adapter),
                Duration.ofNanos(time.nanoTime() - request.receivedNanos()));
        return run.submit(admitted, lease);
    }
}
