package io.tidemark.stream.worker;

import io.tidemark.adapter.AdapterLease;
import io.tidemark.generation.Engine;
import io.tidemark.generation.FinishReason;
import io.tidemark.generation.RequestRefused;
import io.tidemark.message.RequestMessage;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.Function;

/**
 * Takes requests that were read to the engine: prepared, their adapter awaited, admitted, submitted. A request whose
 * adapter is in memory never waits for one whose adapter is not. All work is done on the admission thread.
 */
final class RequestStarter {

    private final Admission admission;
    private final Function<String, CompletableFuture<AdapterLease>> adapters;
    private final Engine engine;
    private final AnswerWriter writer;
    private final Replies replies;
    private final OpenRequests open;
    private final RecentCancellations cancellations;
    private final Executor admissionThread;
    private volatile boolean handingBack;

    /** A request on its way, under its own id and the engine's. */
    private record Start(
            IncomingRequest incoming,
            String id,
            String engineId,
            RequestMessage message,
            CompletableFuture<Void> answered) {}

    RequestStarter(
            Admission admission,
            Function<String, CompletableFuture<AdapterLease>> adapters,
            Engine engine,
            AnswerWriter writer,
            Replies replies,
            OpenRequests open,
            RecentCancellations cancellations,
            Executor admissionThread) {
        this.admission = admission;
        this.adapters = adapters;
        this.engine = engine;
        this.writer = writer;
        this.replies = replies;
        this.open = open;
        this.cancellations = cancellations;
        this.admissionThread = admissionThread;
    }

    /** From now on nothing is started or answered: it is read again elsewhere. */
    void handBack() {
        handingBack = true;
    }

    boolean isHandingBack() {
        return handingBack;
    }

    void start(IncomingRequest incoming, RequestMessage message, CompletableFuture<Void> answered) {
        String id = message.id().orElseGet(incoming::derivedId);
        // two records with one id run side by side, so the engine's name for a request holds its place as well
        String engineId = id + "@" + incoming.record().partition() + "-"
                + incoming.record().offset();
        Start start = new Start(incoming, id, engineId, message, answered);
        step(start, () -> {
            PreparedRequest prepared = admission.prepare(message, id, engineId);
            engine.validate(prepared.prompt(), prepared.params());
            open.started(id, engineId);
            if (cancellations.cover(id, incoming.record().timestamp())) {
                open.cancel(engineId, id);
            }
            if (prepared.adapter().isEmpty()) {
                submit(start, prepared, Optional.empty());
            } else {
                adapters.apply(prepared.adapter().get())
                        .whenCompleteAsync(
                                (lease, failure) -> {
                                    if (failure == null) {
                                        adapterCame(start, prepared, lease);
                                    } else if (!handingBack) {
                                        refuse(start, failure);
                                    }
                                },
                                admissionThread);
            }
        });
    }

    private void adapterCame(Start start, PreparedRequest prepared, AdapterLease lease) {
        if (!step(start, () -> submit(start, prepared, Optional.of(lease)))) {
            lease.close();
        }
    }

    private void submit(Start start, PreparedRequest prepared, Optional<AdapterLease> lease) throws RequestRefused {
        AdmittedRequest admitted = admission.admit(prepared, lease.map(AdapterLease::adapter));
        engine.submit(admitted.generation(), new RequestEvents(start.incoming(), admitted, writer, outcome -> {
            lease.ifPresent(AdapterLease::close);
            open.ended(start.id(), start.engineId());
            if (!handingBack) {
                replies.ended(start.incoming(), admitted, outcome, start.answered());
            }
        }));
        if (open.isCancelled(start.engineId())) {
            // the engine did not know the request yet when it was told
            engine.cancel(start.engineId(), FinishReason.CANCELLED);
        }
    }

    private interface Step {
        void run() throws RequestNotAdmitted, RequestRefused;
    }

    /** @return whether the request is on its way; else it has its answer, or gets none here */
    private boolean step(Start start, Step step) {
        if (handingBack) {
            return false;
        }
        try {
            step.run();
            return true;
        } catch (RequestNotAdmitted | RequestRefused | RuntimeException | Error e) {
            // nothing else would ever end the request, and its partition would wait for it; unless it is handed back
            // meanwhile,
            // as when the engine has just died
            if (!handingBack) {
                refuse(start, e);
            }
            return false;
        }
    }

    private void refuse(Start start, Throwable reason) {
        open.ended(start.id(), start.engineId());
        replies.refuse(
                start.incoming(),
                start.id(),
                Optional.of(start.message().model()),
                StartError.of(reason, start.id(), start.message()),
                start.answered());
    }
}
