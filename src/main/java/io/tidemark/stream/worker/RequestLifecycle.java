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
import io.tidemark.stream.worker.IncomingRequest.Position;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import org.jboss.logging.Logger;

/**
 * The life cycle of requests: parsed, admitted, generated, answered. The future of {@link #answer} completes when the
 * broker has the result and, after an error, the dead letter. Only then may the offset of the request be committed.
 *
 * <p>A request can also be abandoned: it is not answered and its future never completes, so that its offset is not
 * committed and the next owner of the partition receives it.
 *
 * <p>All methods may be called from any thread. Parsing and tokenization run in order on the thread
 * {@code tidemark-admission}. A request that waits for its adapter does not block the requests behind it.
 */
public final class RequestLifecycle implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(RequestLifecycle.class);
    private static final ErrorBody ADMISSION_FAILED =
            ErrorBody.serverError("internal_error", "the worker failed to admit the request");

    private final int maxRequestBytes;
    private final Admission admission;
    private final Function<String, CompletableFuture<AdapterLease>> adapters;
    private final Engine engine;
    private final Replies replies;

    private final Map<Position, CompletableFuture<Void>> answers = new ConcurrentHashMap<>();
    private final Map<String, Set<Run>> runsById = new ConcurrentHashMap<>();
    private final RecentCancellations cancellations = new RecentCancellations();
    private final CompletableFuture<Void> abandoned = new CompletableFuture<>();
    private final ExecutorService admissionThread =
            Executors.newSingleThreadExecutor(work -> new Thread(work, "tidemark-admission"));

    /** A parsed request on its way to its answer. */
    private static final class Run {

        private final IncomingRequest incoming;
        private final RequestMessage message;
        private final CompletableFuture<Void> answered;
        private final String id;
        private final String engineId;
        private volatile boolean cancelled;

        Run(IncomingRequest incoming, RequestMessage message, CompletableFuture<Void> answered) {
            this.incoming = incoming;
            this.message = message;
            this.answered = answered;
            this.id = message.id().orElseGet(incoming::derivedId);
            // with the position, because two records may have the same id
            this.engineId = id + "@" + incoming.record().partition() + "-"
                    + incoming.record().offset();
        }
    }

    /**
     * @param maxRequestBytes larger records are rejected without parsing
     * @param adapters        leases an adapter by id; loads it if necessary
     * @param replies         closed with this object
     */
    RequestLifecycle(
            int maxRequestBytes,
            Admission admission,
            Function<String, CompletableFuture<AdapterLease>> adapters,
            Engine engine,
            Replies replies) {
        this.maxRequestBytes = maxRequestBytes;
        this.admission = admission;
        this.adapters = adapters;
        this.engine = engine;
        this.replies = replies;
    }

    /**
     * Answers a request. A record that is delivered again while it is open, because its partition was revoked and
     * assigned again, does not run twice: both calls return the same future.
     */
    public CompletableFuture<Void> answer(IncomingRequest incoming) {
        CompletableFuture<Void> answered = new CompletableFuture<>();
        CompletableFuture<Void> open = answers.putIfAbsent(incoming.position(), answered);
        if (open != null) {
            return open;
        }
        answered.whenComplete((done, failure) -> answers.remove(incoming.position()));
        admissionThread.execute(() -> parse(incoming, answered));
        return answered;
    }

    /**
     * Ends the open requests that a cancellation names; their results contain the text generated so far. Also applies to
     * requests that are read later. A request whose record is newer than a cancellation of its id continues.
     *
     * @param timestamp of the record of the cancellation, milliseconds since 1970
     */
    public void cancel(CancellationMessage cancellation, long timestamp) {
        cancellations.add(cancellation, timestamp);
        runsById.values().stream()
                .flatMap(Set::stream)
                .filter(this::isCancelled)
                .forEach(run -> {
                    run.cancelled = true;
                    engine.cancel(run.engineId, FinishReason.CANCELLED);
                });
    }

    private boolean isCancelled(Run run) {
        return cancellations.covers(
                run.id, run.incoming.position(), run.incoming.record().timestamp());
    }

    /** Number of requests that are read and not answered. */
    public int openRequests() {
        return answers.size();
    }

    /** Abandons all open and all future requests for redelivery. */
    public void abandonForRedelivery() {
        abandoned.complete(null);
    }

    /**
     * Waits until all open requests are answered or abandoned, or the grace period is over. Then abandons the rest.
     *
     * @return the number of abandoned requests
     */
    public int drain(Duration grace) {
        long deadline = System.nanoTime() + grace.toNanos();
        try {
            // loops, because a record that was just consumed may be added
            while (openRequests() > 0 && !abandoned.isDone()) {
                CompletableFuture<Void> all =
                        CompletableFuture.allOf(answers.values().toArray(CompletableFuture[]::new));
                CompletableFuture.anyOf(all, abandoned).get(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
            }
        } catch (TimeoutException | ExecutionException e) {
            LOG.debugf("requests are open after the grace period of %s", grace);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        boolean engineRuns = !abandoned.isDone();
        abandonForRedelivery();
        int rest = openRequests();
        if (engineRuns) {
            runsById.values().stream()
                    .flatMap(Set::stream)
                    .forEach(run -> engine.cancel(run.engineId, FinishReason.CANCELLED));
        }
        return rest;
    }

    private void parse(IncomingRequest incoming, CompletableFuture<Void> answered) {
        try {
            Parsed<RequestMessage> parsed =
                    RequestMessage.parse(incoming.record().value(), maxRequestBytes);
            if (parsed instanceof Parsed.Valid<RequestMessage> valid) {
                prepare(new Run(incoming, valid.record(), answered));
            } else if (parsed instanceof Parsed.Invalid<RequestMessage> invalid && !abandoned.isDone()) {
                String id = invalid.id().orElseGet(incoming::derivedId);
                replies.reject(incoming, id, Optional.empty(), invalid.error()).thenAccept(answered::complete);
            }
        } catch (RuntimeException | Error e) {
            // without an answer, the partition's offset would never advance
            LOG.errorf(e, "the request at %s could not be parsed", incoming.position());
            replies.reject(incoming, incoming.derivedId(), Optional.empty(), ADMISSION_FAILED)
                    .thenAccept(answered::complete);
        }
    }

    private void prepare(Run run) {
        attempt(run, () -> {
            Admission.Prepared prepared = admission.prepare(run.message, run.id, run.engineId);
            engine.validate(prepared.prompt(), prepared.params());
            open(run);
            if (isCancelled(run)) {
                run.cancelled = true;
            }
            if (prepared.adapter().isEmpty()) {
                submit(run, prepared, Optional.empty());
            } else {
                adapters.apply(prepared.adapter().get())
                        .whenCompleteAsync(
                                (lease, failure) -> onAdapter(run, prepared, lease, failure), admissionThread);
            }
        });
    }

    private void onAdapter(Run run, Admission.Prepared prepared, AdapterLease lease, Throwable failure) {
        if (failure != null) {
            if (!abandoned.isDone()) {
                reject(run, failure);
            }
        } else if (!attempt(run, () -> submit(run, prepared, Optional.of(lease)))) {
            lease.close();
        }
    }

    private void submit(Run run, Admission.Prepared prepared, Optional<AdapterLease> lease)
            throws RequestRejectedException {
        AdmittedRequest admitted = admission.admit(prepared, lease.map(AdapterLease::adapter));
        engine.submit(admitted.generation(), replies.events(run.incoming, admitted, outcome -> {
            lease.ifPresent(AdapterLease::close);
            close(run);
            if (!abandoned.isDone()) {
                replies.finish(run.incoming, admitted, outcome).thenAccept(run.answered::complete);
            }
        }));
        if (run.cancelled) {
            // the engine ignores a cancellation that precedes the submission
            engine.cancel(run.engineId, FinishReason.CANCELLED);
        }
    }

    private interface Step {
        void run() throws Admission.RejectedException, RequestRejectedException;
    }

    /** Runs a step of the admission. Returns false if the request is rejected or abandoned. */
    private boolean attempt(Run run, Step step) {
        if (abandoned.isDone()) {
            return false;
        }
        try {
            step.run();
            return true;
        } catch (Admission.RejectedException | RequestRejectedException | RuntimeException | Error e) {
            // the engine also throws when it has failed during the step; its requests are abandoned
            if (!abandoned.isDone()) {
                reject(run, e);
            }
            return false;
        }
    }

    private void reject(Run run, Throwable reason) {
        close(run);
        replies.reject(run.incoming, run.id, Optional.of(run.message.model()), error(run, reason))
                .thenAccept(run.answered::complete);
    }

    /** The error for the sender. Exceptions other than rejections are logged, and the error has no details of them. */
    private static ErrorBody error(Run run, Throwable reason) {
        if (reason instanceof Admission.RejectedException rejected) {
            return rejected.error();
        }
        if (reason instanceof RequestRejectedException refused) {
            String param = refused.isAboutPrompt() ? run.message.input().field() : refused.param();
            return ErrorBody.invalidRequest(refused.code(), param, refused.getMessage());
        }
        if (reason instanceof InvalidAdapterException) {
            return ErrorBody.serverError("adapter_unusable", reason.getMessage());
        }
        LOG.errorf(reason, "request '%s' could not be admitted", run.id);
        return ADMISSION_FAILED;
    }

    private void open(Run run) {
        runsById.compute(run.id, (id, runs) -> {
            Set<Run> all = runs == null ? ConcurrentHashMap.newKeySet() : runs;
            all.add(run);
            return all;
        });
    }

    private void close(Run run) {
        runsById.computeIfPresent(run.id, (id, runs) -> {
            runs.remove(run);
            return runs.isEmpty() ? null : runs;
        });
    }

    @Override
    public void close() {
        admissionThread.shutdownNow();
        replies.close();
    }
}
