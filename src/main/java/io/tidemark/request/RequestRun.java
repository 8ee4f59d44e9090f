package io.tidemark.request;

import io.tidemark.adapter.AdapterLease;
import io.tidemark.adapter.AdapterLoadTimeoutException;
import io.tidemark.adapter.InvalidAdapterException;
import io.tidemark.adapter.source.SourceException;
import io.tidemark.generation.Engine;
import io.tidemark.generation.FinishReason;
import io.tidemark.generation.Outcome;
import io.tidemark.generation.RequestRejectedException;
import io.tidemark.grammar.CompiledGrammar;
import io.tidemark.input.RejectedException;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.Parsed;
import io.tidemark.message.RequestMessage;
import io.tidemark.request.RequestState.Known;
import io.tidemark.request.RequestState.Prepared;
import io.tidemark.request.RequestState.Validated;
import io.tidemark.tenant.TenantTurns;
import io.tidemark.text.LogFields;
import io.tidemark.text.LogText;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jboss.logging.Logger;

/**
 * One request from its receipt to its answer. {@link RequestState} has what is known in each state.
 *
 * <pre>
 *   Received ── valid ──▶ Validated ── input encoded ──▶ Prepared ── format compiled, ──▶ InEngine
 *      │                    │                               │         adapter in memory      │
 *      │ invalid, failed    │ refused, rejected,            │ format refused, adapter        │ completed, failed
 *      │                    │ deadline, cancelled           │ unusable, rejected,            │
 *      │                    │                               │ deadline, cancelled            │
 *      ▼                    ▼                               ▼                                ▼
 *   Answered ◀──────────────┴───────────────────────────────┴────────────────────────────────┘
 *
 *   each state but Answered ── abandoned ──▶ Abandoned
 * </pre>
 *
 * <p>A cancellation or a deadline ends a validated or prepared request at once, also while its chat template is
 * rendered, its format is compiled or its adapter loads. A request in the engine ends there: at once if it waits in the
 * queue, otherwise after its step. The answer of a received request needs its fields, so it is parsed next, before
 * other requests of its tenant, and ends then.
 *
 * <p>The methods may be called from any thread. Transitions hold the lock of this object.
 */
final class RequestRun {

    private static final Logger LOG = Logger.getLogger(RequestRun.class);
    private static final ErrorBody ADMISSION_FAILED =
            ErrorBody.serverError("internal_error", "the worker failed to admit the request");
    private static final ErrorBody ANSWER_FAILED =
            ErrorBody.serverError("internal_error", "the worker failed to build the result");

    private final ReceivedRequest request;
    private final String engineId;
    private final Engine engine;
    private final Answers answers;
    private final BooleanSupplier allAbandoned;
    private final Consumer<Answer> taker;
    private final Consumer<Throwable> onFailure;

    /** What is known of the request. Any thread may read it; the thread that writes it holds the lock. */
    private volatile RequestState state = new RequestState.Received();

    /** Cancels the timer of the deadline. Guarded by this object. */
    private Runnable cancelDeadline = () -> {};

    /** Why the request ends when it is parsed. Guarded by this object. */
    private Optional<FinishReason> ending = Optional.empty();

    /** The task for which the request waits, if any. Guarded by this object. */
    private Optional<TenantTurns.Task> task = Optional.empty();

    /** The adapter for which the request waits, if any. Guarded by this object. */
    private Optional<CompletableFuture<AdapterLease>> lease = Optional.empty();

    /**
     * @param engineId     id in the engine: two records may have the same id, and a record may be delivered twice
     * @param allAbandoned counts as the state Abandoned when it is true
     * @param taker        takes the answer, on any thread, once, unless the request is abandoned
     * @param onFailure    ends the process
     */
    RequestRun(
            ReceivedRequest request,
            String engineId,
            Engine engine,
            Answers answers,
            BooleanSupplier allAbandoned,
            Consumer<Answer> taker,
            Consumer<Throwable> onFailure) {
        this.request = request;
        this.engineId = engineId;
        this.engine = engine;
        this.answers = answers;
        this.allAbandoned = allAbandoned;
        this.taker = taker;
        this.onFailure = onFailure;
    }

    ReceivedRequest request() {
        return request;
    }

    String engineId() {
        return engineId;
    }

    String id() {
        return request.id();
    }

    /** The tokens of the prompt of an open request, once they are known. */
    OptionalInt promptTokens() {
        RequestState current = state;
        if (current instanceof Prepared prepared) {
            return OptionalInt.of(prepared.prompt().size());
        }
        return current instanceof RequestState.InEngine submitted
                ? OptionalInt.of(submitted.promptTokens())
                : OptionalInt.empty();
    }

    /** Whether the request waits for its parsing. */
    boolean isReceived() {
        return state instanceof RequestState.Received;
    }

    boolean isInEngine() {
        return state instanceof RequestState.InEngine;
    }

    boolean isAbandoned() {
        return allAbandoned.getAsBoolean() || state instanceof RequestState.Abandoned;
    }

    /** Whether the request is abandoned or has its answer. A late failure of it is of no interest. */
    boolean needsNoAnswer() {
        return isAbandoned() || state.hasEnded();
    }

    /** Moves from Received to Validated; empty if the request has been abandoned. */
    synchronized Optional<Validated> validated(RequestMessage message) {
        if (!(state instanceof RequestState.Received received)) {
            return Optional.empty();
        }
        Validated validated = received.validated(id(), message);
        state = validated;
        return Optional.of(validated);
    }

    /** Sets the task for which the request waits; it is removed when the request ends. */
    synchronized void waitsFor(TenantTurns.Task waiting) {
        task = Optional.of(waiting);
        if (state.hasEnded()) {
            waiting.remove();
        } else if (ending.isPresent()) {
            waiting.first();
        }
    }

    /** Sets the lease for which the request waits; it is cancelled when the request ends. */
    synchronized void waitsFor(CompletableFuture<AdapterLease> waiting) {
        lease = Optional.of(waiting);
        if (state.hasEnded()) {
            waiting.cancel(false);
        }
    }

    /** Ends a request whose end came before it was parsed. Returns whether that is so. */
    synchronized boolean endIfDue() {
        ending.ifPresent(this::cancel);
        return ending.isPresent();
    }

    /** Ends the request with {@link FinishReason#DEADLINE} after a delay, unless it has ended before. */
    synchronized void endAfter(Duration delay, RequestRunner.Timer timer) {
        if (!state.hasEnded()) {
            cancelDeadline = timer.schedule(delay, () -> cancel(FinishReason.DEADLINE));
        }
    }

    /**
     * Moves from Validated to Prepared, and again when the format is compiled. The end of the request releases the
     * grammar. Returns false if the request has ended.
     */
    synchronized boolean prepared(Prepared prepared) {
        if (state.hasEnded()) {
            prepared.release();
            return false;
        }
        state = prepared;
        return true;
    }

    /**
     * Moves from Prepared to InEngine. Holds the lock during the submission: a cancellation is before or after it, and
     * the engine ignores one that precedes it.
     *
     * @param lease closed when the request has ended in the engine
     * @return whether the engine has the request; false if the request has ended
     */
    synchronized boolean submit(AdmittedRequest admitted, Optional<AdapterLease> lease)
            throws RequestRejectedException {
        if (!(state instanceof Prepared prepared) || allAbandoned.getAsBoolean()) {
            return false;
        }
        engine.submit(
                admitted.generation(),
                new RequestEvents(request, admitted, this::isAbandoned, outcome -> finished(admitted, lease, outcome)));
        if (!state.hasEnded()) {
            state = prepared.inEngine();
        }
        return true;
    }

    /** InEngine to Answered. Called on the thread of the engine, or on the one that cancels a queued request. */
    private void finished(AdmittedRequest admitted, Optional<AdapterLease> lease, Outcome outcome) {
        lease.ifPresent(AdapterLease::close);
        admitted.generation().params().grammar().ifPresent(CompiledGrammar::close);
        answer(() -> answers.finished(request, admitted, outcome));
    }

    /**
     * Ends a request that is Validated or Prepared. One in the engine ends there, and a received one when it is parsed.
     * The first reason counts. Has no effect in the other states.
     */
    synchronized void cancel(FinishReason reason) {
        if (isReceived()) {
            if (ending.isEmpty()) {
                ending = Optional.of(reason);
                task.ifPresent(TenantTurns.Task::first);
            }
        } else if (isInEngine()) {
            cancelInEngine(reason);
        } else if (state instanceof Known known && !isAbandoned()) {
            // the answer is not dropped, because no other one can precede it under the lock
            RequestEvents.unstarted(request, known.id(), known.message(), reason);
            answer(() -> answers.unstarted(request, known.id(), known.message(), reason));
        }
    }

    /** Received to Answered: the record is no valid request. */
    void invalid(Parsed.Invalid<RequestMessage> parsed) {
        answer(() -> answers.rejected(request, id(), Optional.empty(), parsed.error(), parsed.ignoredFields()));
    }

    /** Each open state to Answered, with an error. */
    void reject(String id, ErrorBody error) {
        answer(() -> answers.rejected(request, id, model(), error, ignoredFields()));
    }

    /** Each open state to Answered: an exception becomes the answer. An {@link Error} ends the process. */
    void fail(Throwable reason) {
        if (reason instanceof Error && !(reason instanceof StackOverflowError)) {
            endProcess(reason);
        } else if (!needsNoAnswer()) {
            reject(id(), error(reason));
        }
    }

    /** Each open state to Abandoned. */
    synchronized void abandon() {
        if (!state.hasEnded()) {
            boolean wasInEngine = isInEngine();
            end(new RequestState.Abandoned());
            if (wasInEngine) {
                cancelInEngine(FinishReason.CANCELLED);
            }
        }
    }

    private void answer(Supplier<Answer> making) {
        // the engine also rejects requests when it has failed; all of them are abandoned then
        if (needsNoAnswer()) {
            return;
        }
        try {
            Answer answer = made(making);
            if (answered()) {
                answer.error().ifPresent(error -> logFailure(answer, error));
                taker.accept(answer);
            }
        } catch (RuntimeException | Error e) {
            endProcess(e);
        }
    }

    private void logFailure(Answer answer, ErrorBody error) {
        request.logFields()
                .withAdapter(answer.model())
                .withBoundary(answer.result().tidemark().boundary())
                .during(() -> LOG.infof(
                        "request '%s' failed: %s (%s)",
                        LogText.of(id()), error.code(), LogText.of(error.param().orElse("no field"))));
    }

    /** The fields of a log record about the request while it has no answer. */
    private LogFields logFields() {
        return request.logFields().withAdapter(model());
    }

    private Answer made(Supplier<Answer> making) {
        try {
            return making.get();
        } catch (RuntimeException | StackOverflowError e) {
            logFields().during(() -> LOG.errorf(e, "the result of request '%s' could not be built", LogText.of(id())));
            return answers.rejected(request, id(), model(), ANSWER_FAILED, ignoredFields());
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
        if (state instanceof Prepared prepared) {
            prepared.release();
        }
        state = ended;
        cancelDeadline.run();
        task.ifPresent(TenantTurns.Task::remove);
        // has no effect on a lease that the request has
        lease.ifPresent(waiting -> waiting.cancel(false));
    }

    private void cancelInEngine(FinishReason reason) {
        try {
            engine.cancel(engineId, reason);
        } catch (IllegalStateException e) {
            LOG.debugf("the engine is closed: %s", e.getMessage());
        }
    }

    private void endProcess(Throwable reason) {
        logFields()
                .during(() ->
                        LOG.errorf(reason, "request '%s' could not be answered; the process ends", LogText.of(id())));
        onFailure.accept(reason);
    }

    private Optional<String> model() {
        return state instanceof Known known ? Optional.of(known.message().model()) : Optional.empty();
    }

    private List<String> ignoredFields() {
        return state instanceof Known known ? known.message().ignoredFields() : List.of();
    }

    /** The error for the sender. Exceptions other than rejections are logged, and the error has no details of them. */
    private ErrorBody error(Throwable reason) {
        if (reason instanceof RejectedException rejected) {
            return rejected.error();
        }
        if (state instanceof Known known) {
            if (reason instanceof RequestRejectedException refused) {
                String param = refused.isAboutPrompt() ? known.message().input().field() : refused.param();
                return ErrorBody.invalidRequest(refused.code(), param, refused.getMessage());
            }
            if (reason instanceof AdapterLoadTimeoutException
                    || reason instanceof SourceException source && source.isTemporary()) {
                return ErrorBody.adapterTimeout(known.message().model());
            }
            if (reason instanceof InvalidAdapterException || reason instanceof SourceException) {
                return ErrorBody.adapterUnusable(known.message().model());
            }
        }
        logFields()
                .during(() -> LOG.errorf(
                        reason, "request '%s' at %s could not be admitted", LogText.of(id()), request.position()));
        return ADMISSION_FAILED;
    }
}
