package io.tidemark.client;

import io.tidemark.message.CompletionResult;
import io.tidemark.message.ErrorResult;
import io.tidemark.message.Provenance.Source;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.Flow;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * A request that was sent, or attached by its id, and its result. Thread-safe. Stages and subscribers are called by the
 * client's executor.
 *
 * <p>A stage fails with a {@link ClientException}. Callbacks and dependent stages get it as the cause of a
 * {@link java.util.concurrent.CompletionException}.
 */
public final class OpenRequest {

    private final String id;
    private final ByteBuffer correlation;
    private final boolean streaming;
    private final Executor executor;
    private final Function<OpenRequest, CompletionStage<Void>> canceller;
    private final CompletableFuture<Source> record = new CompletableFuture<>();
    private final CompletableFuture<RequestResult> result = new CompletableFuture<>();
    private final TextStream events;

    /** The record while it waits for the producer, and after; empty before it is added, and of attached requests. */
    private Optional<RecordSender.Ticket> ticket = Optional.empty();

    private boolean withdrawn;

    /** The last cancellation. */
    private volatile Optional<CompletableFuture<Void>> cancellation = Optional.empty();

    /**
     * @param correlation names the request among all of the client
     * @param streaming   whether the request has events, as far as the client knows
     */
    OpenRequest(
            String id,
            ByteBuffer correlation,
            boolean streaming,
            Executor executor,
            AtomicLong streamBudget,
            Function<OpenRequest, CompletionStage<Void>> canceller) {
        this.id = id;
        this.correlation = correlation;
        this.streaming = streaming;
        this.executor = executor;
        this.canceller = canceller;
        this.events = new TextStream(executor, streamBudget);
    }

    /** The id of the request; as it was sent, even if the service cannot use it. */
    public String id() {
        return id;
    }

    /**
     * The position of the request's record, as soon as the broker has acknowledged it: the service will answer it. Of
     * a request that is attached by its id, it is known with the result.
     */
    public CompletionStage<Source> record() {
        return record.minimalCompletionStage();
    }

    /**
     * The result: an answer, or an error of the service ({@link RequestResult#error}). The stage fails if the request
     * was not sent, or the client stopped waiting for the result.
     */
    public CompletionStage<RequestResult> result() {
        return result.minimalCompletionStage();
    }

    /**
     * The text of the request while it is generated, for one subscriber. All texts of a choice after the last
     * {@link RequestEvent.Restart} are the text of the result. The publisher fails with {@link ClientException.Refused}
     * for an error of the service.
     *
     * <p>Back-pressure joins texts: a subscriber that requests events slowly gets longer ones. Other requests do not
     * wait for it.
     *
     * @throws IllegalStateException if the request was submitted without {@link GenerationRequest#streaming}
     */
    public Flow.Publisher<RequestEvent> events() {
        if (!streaming) {
            throw new IllegalStateException("request '" + id + "' has no events, because it was submitted without"
                    + " streaming(): submit(request.streaming()) has them, and result() has the whole text");
        }
        return events;
    }

    /**
     * Calls back with each event of {@link #events}, one at a time, on the client's executor. It takes the place of the
     * one subscriber.
     *
     * @return the result, after the last event. It fails as {@link #result} does, with {@link ClientException.Refused}
     *     for an error of the service, and with an exception of the callback, which gets no more events then
     */
    public CompletionStage<RequestResult> onEvents(Consumer<? super RequestEvent> callback) {
        EventCalls calls = new EventCalls(callback);
        events().subscribe(calls);
        return calls.end.thenCombine(result, (ended, done) -> done).minimalCompletionStage();
    }

    /**
     * The events of {@link #events} as a sequential stream, whose thread waits for each of them. It takes the place of
     * the one subscriber. While the program does something else, texts are joined, so the stream keeps no more than the
     * publisher. Its operations throw what the publisher fails with. Close the stream to end it early. Do not read it
     * in a callback of this client.
     */
    public Stream<RequestEvent> eventStream() {
        EventIterator iterator = new EventIterator();
        events().subscribe(iterator);
        return StreamSupport.stream(
                        Spliterators.spliteratorUnknownSize(iterator, Spliterator.ORDERED | Spliterator.NONNULL), false)
                .onClose(iterator::close);
    }

    /**
     * Asks the service to end the request. The result has the text so far and the finish reason {@code cancelled},
     * unless the request ended before. A request whose record still waits in the client is not sent, and its stages
     * fail with {@link ClientException.Cancelled}. Does not wait. Further calls have no effect, unless it failed.
     *
     * @return when the broker has acknowledged the cancellation, or at once if the request is not sent. It fails with
     *     {@link ClientException.TooManyOpen} if as many cancellations as there may be open requests wait
     */
    public CompletionStage<Void> cancel() {
        CompletableFuture<Void> last = cancellation
                .filter(earlier -> !earlier.isCompletedExceptionally())
                .orElseGet(() -> canceller.apply(this).toCompletableFuture());
        cancellation = Optional.of(last);
        return last.minimalCompletionStage();
    }

    private static final class EventCalls implements Flow.Subscriber<RequestEvent> {

        private final Consumer<? super RequestEvent> callback;
        private final CompletableFuture<Void> end = new CompletableFuture<>();
        private Optional<Flow.Subscription> subscription = Optional.empty();

        private EventCalls(Consumer<? super RequestEvent> callback) {
            this.callback = callback;
        }

        @Override
        public void onSubscribe(Flow.Subscription given) {
            subscription = Optional.of(given);
            given.request(1);
        }

        @Override
        public void onNext(RequestEvent event) {
            try {
                callback.accept(event);
            } catch (RuntimeException e) {
                end.completeExceptionally(e);
                throw e;
            }
            subscription.orElseThrow().request(1);
        }

        @Override
        public void onError(Throwable failure) {
            end.completeExceptionally(failure);
        }

        @Override
        public void onComplete() {
            end.complete(null);
        }
    }

    /** Adds the record to those that wait for the producer, unless the request was withdrawn. */
    synchronized void send(Supplier<RecordSender.Ticket> record) {
        if (!withdrawn) {
            ticket = Optional.of(record.get());
        }
    }

    /** Returns whether the record of a request that was not attached is not sent, now or later. */
    synchronized boolean withdraw() {
        withdrawn = true;
        return ticket.map(RecordSender.Ticket::withdraw).orElse(true);
    }

    /** Whether the record waits for the producer, which ends it when its time is over. */
    synchronized boolean isWaiting() {
        return ticket.filter(RecordSender.Ticket::isWaiting).isPresent();
    }

    ByteBuffer correlation() {
        return correlation;
    }

    TextStream stream() {
        return events;
    }

    void acknowledge(Source source) {
        record.completeAsync(() -> source, executor);
    }

    /** @param after runs when the callbacks of the result have run */
    void complete(RequestResult done, Runnable after) {
        if (done.message() instanceof CompletionResult completion) {
            events.end(completion);
        } else {
            events.fail(new ClientException.Refused(id, ((ErrorResult) done.message()).error()));
        }
        executor.execute(() -> {
            record.complete(done.message().tidemark().source());
            result.complete(done);
            after.run();
        });
    }

    /** @param after runs when the callbacks of the result have run */
    void fail(ClientException cause, Runnable after) {
        events.fail(cause);
        executor.execute(() -> {
            record.completeExceptionally(cause);
            result.completeExceptionally(cause);
            after.run();
        });
    }
}
