package io.tidemark.generation;

import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * The queued requests, and how many sequences run. {@link WaitingRequests} defines which request is next. While the
 * next request lacks a free sequence or memory, no other one starts, so a large request is not starved.
 *
 * <p>A request that arrives and precedes the next one takes its place, unless the next one is offered, or was refused
 * and no memory was freed since. In that case the new request waits until the offered one starts or ends, or until
 * memory is freed, even if it would fit.
 *
 * <p>The thread of the engine takes requests between steps: {@link #offer} returns the next request. The engine
 * reserves memory and calls {@link #accept}, or {@link #refuse} if there is not enough.
 *
 * <p>Thread-safe.
 */
final class RequestQueue {

    private final int maxNumSeqs;
    private final Runnable wake;
    private final WaitingRequests waiting = new WaitingRequests();

    private int runningSequences;
    /** The request that stays next: it is offered, or was refused and no memory was freed since. */
    private Optional<SubmittedRequest> selected = Optional.empty();

    private boolean offered;
    private boolean closed;

    /** @param wake called from any thread when the next request may start */
    RequestQueue(EngineLimits limits, Runnable wake) {
        this.maxNumSeqs = limits.maxNumSeqs();
        this.wake = wake;
    }

    /** @throws IllegalStateException if the queue is closed */
    synchronized void add(SubmittedRequest request) {
        if (closed) {
            throw new IllegalStateException("the engine is closed");
        }
        waiting.add(request);
        wakeIfStartable();
    }

    /** Number of queued requests. */
    synchronized int size() {
        return waiting.size();
    }

    /** See {@link EngineLoad#isSaturated}. */
    synchronized boolean isSaturated() {
        return runningSequences >= maxNumSeqs
                || waiting.size() > 0 && !offered && startable().isEmpty();
    }

    /** An estimate of the tokens that the queued requests need, see {@link EngineLoad#tokensLeft}. */
    synchronized double tokensLeft(double completionTokens) {
        return waiting.sum(queued -> {
            GenerationParams params = queued.request().params();
            return queued.request().prompt().size() + params.choices() * params.expectedTokens(completionTokens);
        });
    }

    /** Number of running sequences. */
    synchronized int runningSequences() {
        return runningSequences;
    }

    /**
     * The next request, if it may start. The engine then calls {@link #accept}, {@link #refuse} or {@link #drop}.
     * Called by its thread.
     */
    synchronized Optional<SubmittedRequest> offer() {
        Optional<SubmittedRequest> next = closed ? Optional.empty() : startable();
        if (next.isPresent()) {
            selected = next;
            offered = true;
        }
        return next;
    }

    /** Removes the offered request, which runs, and counts a sequence for each choice. */
    synchronized void accept() {
        SubmittedRequest request = endOffer();
        waiting.start(request);
        runningSequences += request.request().params().choices();
    }

    /** Keeps the offered request as the next one until memory is freed, because there is not enough for it. */
    synchronized void refuse() {
        offered = false;
    }

    /** Removes the offered request, which does not run. */
    synchronized void drop() {
        waiting.remove(endOffer());
    }

    /** Counts a sequence as ended, with its memory free: the next request may be another one than before. */
    synchronized void sequenceEnded() {
        runningSequences--;
        if (!offered) {
            selected = Optional.empty();
        }
        wakeIfStartable();
    }

    /** Removes and returns matching requests; if the offered one matches, it is marked as cancelled instead. */
    synchronized List<SubmittedRequest> cancel(Predicate<SubmittedRequest> which, FinishReason reason) {
        selected.filter(request -> offered).filter(which).ifPresent(request -> request.cancel(reason));
        return remove(which);
    }

    /** Ends submissions and offers; removes and returns all requests except an offered one. */
    synchronized List<SubmittedRequest> close() {
        closed = true;
        return remove(request -> true);
    }

    /** Closes the queue after the engine's thread has ended; removes and returns all requests. */
    synchronized List<SubmittedRequest> closeAtEnd() {
        offered = false;
        return close();
    }

    private List<SubmittedRequest> remove(Predicate<SubmittedRequest> which) {
        Optional<SubmittedRequest> kept = selected.filter(request -> offered);
        List<SubmittedRequest> removed = waiting.removeIf(
                request -> which.test(request) && kept.filter(request::equals).isEmpty());
        if (selected.filter(removed::contains).isPresent()) {
            selected = Optional.empty();
        }
        wakeIfStartable();
        return removed;
    }

    /** Ends the offer and the selection; the caller removes the returned request. */
    private SubmittedRequest endOffer() {
        SubmittedRequest request = selected.orElseThrow();
        offered = false;
        selected = Optional.empty();
        return request;
    }

    private void wakeIfStartable() {
        if (startable().isPresent()) {
            wake.run();
        }
    }

    /** The next request; empty if it has to wait, or is offered, or none waits. */
    private Optional<SubmittedRequest> startable() {
        return selected.isPresent()
                ? Optional.empty()
                : waiting.next()
                        .filter(request ->
                                runningSequences + request.request().params().choices() <= maxNumSeqs);
    }
}
