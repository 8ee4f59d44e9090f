package io.tidemark.request;

import io.tidemark.adapter.AdapterLease;
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
import io.tidemark.tenant.TenantWeights;
import io.tidemark.text.LogText;
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
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Function;
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
 * <p>All methods may be called from any thread. Parsing and tokenization run on the executor of admission, which must
 * run one task at a time, in order. A request that waits for its format or its adapter does not block the requests
 * behind it: formats are compiled on threads of their own, one of a tenant at a time.
 */
public final class RequestRunner {

    /** The time for which a cancellation applies to requests that are received later. */
    public static final Duration CANCELLATION_RETENTION = Duration.ofMillis(RecentCancellations.RETENTION_MS);

    private static final Logger LOG = Logger.getLogger(RequestRunner.class);
    private static final ErrorBody CRASHED = ErrorBody.serverError(
            "worker_crashed",
            "the worker process ended each time it ran this request alone; the request is not repeated");

    private final int maxRequestBytes;
    private final Admission admission;
    private final Function<String, CompletableFuture<AdapterLease>> adapters;
    private final Engine engine;
    private final Answers answers;
    private final Threads threads;
    private final TenantTurns formats;
    private final Time time;
    private final Consumer<Throwable> onFailure;
    private final Watchdog watchdog;

    private final Map<ReceivedRequest, RequestRun> runs = new ConcurrentHashMap<>();
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
     * @param formats   compile the formats of answers; run tasks in the order in which they come
     * @param deadlines ends requests whose deadline has passed
     * @param limits    checked by the {@link #watchdog}
     */
    public record Threads(Executor admission, Executor formats, Timer deadlines, Watchdog.Limits limits) {}

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
        this.formats = new TenantTurns(threads.formats(), 2, TenantWeights.EQUAL);
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
        onAdmission(run, interrupted -> parse(run, interrupted));
    }

    private void onAdmission(RequestRun run, Step step) {
        try {
            threads.admission().execute(() -> admit(run, step));
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
            LOG.errorf(e, "the request at %s could not be parsed", request.position());
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

    private boolean isCancelled(RequestRun run) {
        return cancellations.covers(run.id(), run.request());
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

    private Parsed<RequestMessage> parse(ReceivedRequest request) {
        return request.size() > maxRequestBytes
                ? RequestMessage.tooLarge(request.size(), maxRequestBytes)
                : RequestMessage.parse(request.value().orElse(null), maxRequestBytes);
    }

    private interface Step {
        /**
         * @param interrupted whether the admission has taken too long
         * @return whether the engine has the request
         */
        boolean run(BooleanSupplier interrupted) throws RejectedException, RequestRejectedException;
    }

    /**
     * A step of the admission on one of its threads, within the time limit. Has no effect if the request is abandoned.
     *
     * @return whether the engine has the request
     */
    private boolean admit(RequestRun run, Step step) {
        Watchdog.AdmissionRun current = watchdog.admits(run.engineId());
        try {
            return !run.isAbandoned() && step.run(current::isInterrupted);
        } catch (RejectedException | RequestRejectedException | RuntimeException | Error e) {
            run.fail(e);
            return false;
        } finally {
            watchdog.admitted(current);
        }
    }

    private boolean parse(RequestRun run, BooleanSupplier interrupted)
            throws RejectedException, RequestRejectedException {
        Parsed<RequestMessage> parsed = parse(run.request());
        if (parsed instanceof Parsed.Invalid<RequestMessage> invalid) {
            run.reject(invalid.id().orElseGet(run.request()::derivedId), invalid.error());
            return false;
        }
        Optional<RequestState.Parsed> valid = run.parsed(((Parsed.Valid<RequestMessage>) parsed).record());
        return valid.isPresent() && prepare(run, valid.get(), interrupted);
    }

    private boolean prepare(RequestRun run, RequestState.Parsed parsed, BooleanSupplier interrupted)
            throws RejectedException, RequestRejectedException {
        ReceivedRequest request = run.request();
        Optional<ErrorBody> refusal = request.reply().refusal();
        if (refusal.isPresent()) {
            run.reject(parsed.id(), refusal.get());
            return false;
        }
        Optional<Instant> deadline = parsed.message().expiry(request.timestamp());
        if (deadline.filter(end -> !end.isAfter(time.instant())).isPresent()) {
            run.cancel(FinishReason.DEADLINE);
            return false;
        }
        deadline.ifPresent(end -> run.endAfter(Duration.between(time.instant(), end), threads.deadlines()));
        if (isCancelled(run)) {
            run.cancel(FinishReason.CANCELLED);
            return false;
        }
        Prepared prepared =
                admission.prepare(request.tenant(), parsed, () -> interrupted.getAsBoolean() || run.needsNoAnswer());
        engine.validate(prepared.prompt(), prepared.params());
        if (!run.prepared(prepared)) {
            return false;
        }
        Optional<Prepared> ready = admission.withKnownFormat(prepared);
        if (ready.isPresent()) {
            return start(run, ready.get());
        }
        formats.execute(request.tenant().name(), 0, 1, () -> {
            openFormats(run);
            admit(run, never -> compile(run, prepared));
        });
        return false;
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

    /** On a thread of formats: a compilation has limits of its own. The request goes on in admission. */
    private boolean compile(RequestRun run, Prepared prepared) throws RejectedException {
        if (!run.needsNoAnswer()) {
            Prepared compiled = admission.withFormat(prepared);
            if (run.prepared(compiled)) {
                onAdmission(run, interrupted -> start(run, compiled));
            }
        }
        return false;
    }

    private boolean start(RequestRun run, Prepared prepared) throws RequestRejectedException {
        if (!run.prepared(prepared)) {
            return false;
        }
        if (prepared.adapter().isEmpty()) {
            return submit(run, prepared, Optional.empty());
        }
        adapters.apply(prepared.adapter().get())
                .whenCompleteAsync((lease, failure) -> onAdapter(run, prepared, lease, failure), threads.admission());
        return false;
    }

    private void onAdapter(RequestRun run, Prepared prepared, AdapterLease lease, Throwable failure) {
        if (failure != null) {
            run.fail(failure);
            return;
        }
        boolean submitted = admit(run, interrupted -> submit(run, prepared, Optional.of(lease)));
        if (!submitted) {
            lease.close();
        }
    }

    private boolean submit(RequestRun run, Prepared prepared, Optional<AdapterLease> lease)
            throws RequestRejectedException {
        AdmittedRequest admitted =
                admission.admit(run.request().tenant(), prepared, run.engineId(), lease.map(AdapterLease::adapter));
        return run.submit(admitted, lease);
    }
}
