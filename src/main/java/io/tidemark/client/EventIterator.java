package io.tidemark.client;

import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.concurrent.Flow;

/**
 * The events of a request for a thread that waits for each of them. It requests an event when the thread waits for one,
 * so meanwhile the stream joins texts and keeps nothing here.
 */
final class EventIterator implements Iterator<RequestEvent>, Flow.Subscriber<RequestEvent> {

    private Optional<Flow.Subscription> subscription = Optional.empty();
    private Optional<RequestEvent> event = Optional.empty();
    private Optional<Throwable> failure = Optional.empty();
    private boolean requested;
    private boolean ended;

    @Override
    public synchronized void onSubscribe(Flow.Subscription given) {
        subscription = Optional.of(given);
    }

    @Override
    public synchronized void onNext(RequestEvent next) {
        event = Optional.of(next);
        requested = false;
        notifyAll();
    }

    @Override
    public synchronized void onError(Throwable cause) {
        failure = Optional.of(cause);
        onComplete();
    }

    @Override
    public synchronized void onComplete() {
        ended = true;
        notifyAll();
    }

    /** @throws ClientException if the thread is interrupted while it waits, or the request failed */
    @Override
    public synchronized boolean hasNext() {
        if (event.isEmpty() && !ended && !requested) {
            requested = true;
            subscription.ifPresent(each -> each.request(1));
        }
        try {
            while (event.isEmpty() && !ended) {
                wait();
            }
        } catch (InterruptedException e) {
            throw ClientException.interrupted(e);
        }
        if (event.isEmpty() && failure.isPresent()) {
            throw failure.get() instanceof RuntimeException known ? known : new IllegalStateException(failure.get());
        }
        return event.isPresent();
    }

    @Override
    public synchronized RequestEvent next() {
        if (!hasNext()) {
            throw new NoSuchElementException("the request has no more events");
        }
        RequestEvent next = event.orElseThrow();
        event = Optional.empty();
        return next;
    }

    /** Ends the stream early. */
    synchronized void close() {
        subscription.ifPresent(Flow.Subscription::cancel);
        onComplete();
    }
}
