package io.tidemark.stream.worker;

import io.tidemark.adapter.AdapterLease;
import io.tidemark.generation.Engine;
import io.tidemark.generation.FinishReason;
import io.tidemark.message.Parsed;
import io.tidemark.message.RequestMessage;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import org.jboss.logging.Logger;

/**
 * Sees every request through: read, admitted, generated, answered. The future of {@link #answer} is done when the
 * broker has the result (and the dead letter), and not before: only then may the request's offset be committed.
 *
 * <p>Any thread may call. Admission (JSON, tokenizer) runs in order on the thread {@code tidemark-admission}.
 */
public final class RequestLifecycle implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(RequestLifecycle.class);

    /** Some megabytes at most. */
    private static final int REMEMBERED_CANCELLATIONS = 10_000;

    private final int maxRequestBytes;
    private final Engine engine;
    private final AnswerWriter writer;
    private final Replies replies;
    private final OpenRequests open = new OpenRequests();
    private final RecentCancellations cancellations = new RecentCancellations(REMEMBERED_CANCELLATIONS);
    private final CompletableFuture<Void> handedBack = new CompletableFuture<>();
    private final ExecutorService admissionThread =
            Executors.newSingleThreadExecutor(work -> new Thread(work, "tidemark-admission"));
    private final RequestStarter starter;

    /**
     * @param adapters asks for an adapter by its id; what is not in memory comes later
     * @param writer   for events, and closed with the desk
     */
    RequestLifecycle(
            int maxRequestBytes,
            Admission admission,
            Function<String, CompletableFuture<AdapterLease>> adapters,
            Engine engine,
            AnswerWriter writer,
            Replies replies) {
        this.maxRequestBytes = maxRequestBytes;
        this.engine = engine;
        this.writer = writer;
        this.replies = replies;
        this.starter =
                new RequestStarter(admission, adapters, engine, writer, replies, open, cancellations, admissionThread);
    }

    /**
     * Answers one request. A request that is read again while it runs here (its partition left and came back) is not
     * run twice: both readings wait for the one answer.
     */
    public CompletableFuture<Void> answer(IncomingRequest incoming) {
        return open.join(incoming.position(), answered -> admissionThread.execute(() -> begin(incoming, answered)));
    }

    /**
     * Ends a request early, wherever it is; its result holds the text so far. One that is not here is ended as soon as it
     * is read, unless its record is newer.
     *
     * @param timestamp of the cancellation's record, milliseconds since 1970
     */
    public void cancel(String requestId, long timestamp) {
        cancellations.add(requestId, timestamp);
        open.cancel(requestId).forEach(id -> engine.cancel(id, FinishReason.CANCELLED));
    }

    /** Requests that were read and not yet answered. */
    public int open() {
        return open.size();
    }

    /**
     * Hands back what is open, at once: it gets no result here, is never acknowledged, and whoever reads the partition next
     * answers it.
     */
    public void handBack() {
        starter.handBack();
        handedBack.complete(null);
    }

    /**
     * Waits until all open requests are answered or handed back, at most {@code grace}; then hands back the rest.
     *
     * @return how many were handed back
     */
    public int finishOrHandBack(Duration grace) {
        long deadline = System.nanoTime() + grace.toNanos();
        try {
            // one that was just being taken in may come after the first look
            while (open.size() > 0 && !handedBack.isDone()) {
                CompletableFuture.anyOf(open.allAnswered(), handedBack)
                        .get(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
            }
        } catch (TimeoutException | ExecutionException e) {
            LOG.debugf("requests are still open after %s", grace);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        boolean engineLives = !handedBack.isDone();
        handBack();
        int left = open.size();
        if (engineLives) {
            open.engineIds().forEach(id -> engine.cancel(id, FinishReason.CANCELLED));
        }
        return left;
    }

    private void begin(IncomingRequest incoming, CompletableFuture<Void> answered) {
        try {
            Parsed<RequestMessage> parsed =
                    RequestMessage.parse(incoming.record().value(), maxRequestBytes);
            if (parsed instanceof Parsed.Valid<RequestMessage> valid) {
                starter.start(incoming, valid.record(), answered);
            } else if (parsed instanceof Parsed.Invalid<RequestMessage> invalid && !starter.isHandingBack()) {
                String id = invalid.id().orElseGet(incoming::derivedId);
                replies.refuse(incoming, id, Optional.empty(), invalid.error(), answered);
            }
        } catch (RuntimeException | Error e) {
            // nothing else would ever end the request, and its partition would wait for it
            LOG.error("a request could not be read", e);
            replies.refuse(incoming, incoming.derivedId(), Optional.empty(), StartError.NOT_ADMITTED, answered);
        }
    }

    @Override
    public void close() {
        admissionThread.shutdownNow();
        writer.close();
    }
}
