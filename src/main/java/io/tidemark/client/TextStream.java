package io.tidemark.client;

import io.tidemark.message.CompletionResult;
import io.tidemark.message.EventMessage;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.concurrent.Flow;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The text of one request for one subscriber. What the subscriber has not requested is kept as text, not as events, so
 * the stream of a slow subscriber has at most the bytes of the request's text. The streams of a client share a budget.
 * A stream that gets no bytes, or misses an event, keeps no more text of the attempt. The result has the whole text,
 * so the subscriber gets the rest with it, and nothing is lost.
 *
 * <p>Thread-safe. The client's threads add text; the executor calls the subscriber, one call at a time.
 */
final class TextStream implements Flow.Publisher<RequestEvent> {

    private static final int MAX_CHOICES = 16;
    private static final int BYTES_PER_CHAR = 2;

    private final Executor executor;
    private final AtomicLong budget;

    private final List<Choice> choices = new ArrayList<>(1);
    private long attempt = Long.MIN_VALUE;
    private long kept;
    private boolean restart;
    private boolean ended;
    private Optional<Throwable> failure = Optional.empty();

    private Optional<Flow.Subscriber<? super RequestEvent>> subscriber = Optional.empty();
    private boolean subscribed;
    private boolean cancelled;
    private long demand;
    private boolean draining;

    /** @param budget how many bytes the streams of the client may still keep */
    TextStream(Executor executor, AtomicLong budget) {
        this.executor = executor;
        this.budget = budget;
    }

    /** The text of the attempt; {@code complete} until a part of it is missing. */
    private static final class Choice {

        private StringBuilder text = new StringBuilder();
        private int published;
        private long sequence;
        private boolean complete = true;

        private boolean hasText() {
            return text.length() > published;
        }
    }

    /** Adds the text of an event. Events of an attempt are ignored once a later attempt has begun. */
    synchronized void onEvent(EventMessage event) {
        if (ended || event.attempt() < attempt || event.choice() < 0 || event.choice() >= MAX_CHOICES) {
            return;
        }
        if (event.attempt() > attempt) {
            attempt = event.attempt();
            startOver();
        }
        Choice choice = choice(event.choice());
        if (event.sequence() < choice.sequence) {
            return;
        }
        choice.complete = choice.complete && event.sequence() == choice.sequence && reserve(event.text());
        choice.sequence = event.sequence() + 1;
        if (choice.complete && !event.text().isEmpty()) {
            choice.text.append(event.text());
            schedule();
        }
    }

    /** Publishes what is missing of the text, then the end. */
    synchronized void end(CompletionResult result) {
        if (ended) {
            return;
        }
        boolean continues = choices.stream().allMatch(choice -> continues(choice, result));
        if (!continues) {
            startOver();
        }
        for (CompletionResult.Choice done : result.choices()) {
            if (done.index() >= 0 && done.index() < MAX_CHOICES) {
                choice(done.index()).text = new StringBuilder(done.generated());
            }
        }
        end();
    }

    /** Publishes the text so far, then the failure. */
    synchronized void fail(Throwable cause) {
        if (!ended) {
            failure = Optional.of(cause);
            end();
        }
    }

    private void end() {
        ended = true;
        release();
        schedule();
    }

    private boolean continues(Choice choice, CompletionResult result) {
        String published = choice.text.substring(0, choice.published);
        int index = choices.indexOf(choice);
        return published.isEmpty()
                || result.choices().stream()
                        .anyMatch(done ->
                                done.index() == index && done.generated().startsWith(published));
    }

    private void startOver() {
        restart |= choices.stream().anyMatch(choice -> choice.published > 0);
        choices.clear();
        release();
    }

    private Choice choice(int index) {
        while (choices.size() <= index) {
            choices.add(new Choice());
        }
        return choices.get(index);
    }

    private boolean reserve(String text) {
        long bytes = (long) BYTES_PER_CHAR * text.length();
        if (budget.addAndGet(-bytes) < 0) {
            budget.addAndGet(bytes);
            return false;
        }
        kept += bytes;
        return true;
    }

    private void release() {
        budget.addAndGet(kept);
        kept = 0;
    }

    /** @throws NullPointerException if the subscriber is null, as {@link Flow.Publisher} requires */
    @Override
    public void subscribe(Flow.Subscriber<? super RequestEvent> newSubscriber) {
        Objects.requireNonNull(newSubscriber, "subscriber");
        boolean first;
        synchronized (this) {
            first = !subscribed;
            subscribed = true;
        }
        newSubscriber.onSubscribe(first ? new Demand() : new NoSubscription());
        if (!first) {
            newSubscriber.onError(new IllegalStateException("the events of a request have one subscriber"));
            return;
        }
        synchronized (this) {
            if (!cancelled) {
                subscriber = Optional.of(newSubscriber);
                schedule();
            }
        }
    }

    private synchronized void request(long count) {
        if (count <= 0) {
            failure = Optional.of(new IllegalArgumentException("a subscriber requests 1 event or more, not " + count));
            choices.clear();
            restart = false;
            end();
        } else {
            demand = demand + count < 0 ? Long.MAX_VALUE : demand + count;
            schedule();
        }
    }

    private synchronized void cancel() {
        cancelled = true;
        subscriber = Optional.empty();
        demand = 0;
        choices.clear();
        ended = true;
        release();
    }

    /** Runs {@link #drain} unless it runs or has nothing to do. */
    private void schedule() {
        if (!draining && subscriber.isPresent() && (demand > 0 && hasEvent() || ended && !hasEvent())) {
            draining = true;
            executor.execute(this::drain);
        }
    }

    private boolean hasEvent() {
        return restart || choices.stream().anyMatch(Choice::hasText);
    }

    /** Calls the subscriber outside the lock, until there is nothing to publish. */
    private void drain() {
        try {
            boolean more;
            do {
                more = publish();
            } while (more);
        } catch (RuntimeException e) {
            // the rules of Flow: a subscriber must not throw, and one that does has cancelled
            abandon();
        } catch (Error e) {
            abandon();
            // not thrown, because the thread may be the one that reads results
            Thread thread = Thread.currentThread();
            thread.getUncaughtExceptionHandler().uncaughtException(thread, e);
        }
    }

    /** Returns false if there was nothing to publish, or after the end. */
    private boolean publish() {
        Flow.Subscriber<? super RequestEvent> target;
        Optional<RequestEvent> event;
        synchronized (this) {
            event = demand > 0 && subscriber.isPresent() ? next() : Optional.empty();
            if (subscriber.isEmpty() || event.isEmpty() && !(ended && !hasEvent())) {
                draining = false;
                return false;
            }
            target = subscriber.get();
            if (event.isPresent()) {
                demand--;
            } else {
                subscriber = Optional.empty();
                choices.clear();
            }
        }
        if (event.isPresent()) {
            target.onNext(event.get());
        } else if (failure.isPresent()) {
            target.onError(failure.get());
        } else {
            target.onComplete();
        }
        return true;
    }

    private synchronized void abandon() {
        cancel();
        draining = false;
    }

    private Optional<RequestEvent> next() {
        if (restart) {
            restart = false;
            return Optional.of(new RequestEvent.Restart());
        }
        for (int i = 0; i < choices.size(); i++) {
            Choice choice = choices.get(i);
            if (choice.hasText()) {
                String text = choice.text.substring(choice.published);
                choice.published = choice.text.length();
                return Optional.of(new RequestEvent.Text(i, text));
            }
        }
        return Optional.empty();
    }

    private final class Demand implements Flow.Subscription {

        @Override
        public void request(long count) {
            TextStream.this.request(count);
        }

        @Override
        public void cancel() {
            TextStream.this.cancel();
        }
    }

    private static final class NoSubscription implements Flow.Subscription {

        @Override
        public void request(long count) {}

        @Override
        public void cancel() {}
    }
}
