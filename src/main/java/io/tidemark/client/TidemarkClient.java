package io.tidemark.client;

import io.tidemark.message.Provenance.Source;
import io.tidemark.message.RawValidationBatch;
import io.tidemark.message.TableEntry;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;

/**
 * A client of Tidemark. {@link KafkaTidemarkClient} sends requests to a Kafka cluster; {@link InMemoryTidemark} answers
 * them itself, in unit tests. Thread-safe: a program has one client for all of its requests.
 *
 * <pre>{@code
 * try (TidemarkClient tidemark = KafkaTidemarkClient.connect("localhost:9092")) {
 *     tidemark.generate(GenerationRequest.prompt("restaurants", "name[The Eagle]").maxTokens(64))
 *             .thenAccept(result -> System.out.println(result.text()))
 *             .toCompletableFuture()
 *             .join();
 * }
 * }</pre>
 */
public interface TidemarkClient extends AutoCloseable {

    /**
     * Sends a request. Waits for nothing: without a broker, the request waits in the client. Requests are sent in the
     * order of the calls. The stages of the returned request fail with {@link ClientException.TooManyOpen} if a limit
     * is reached, with {@link ClientException.TooLarge} or {@link ClientException.AccessDenied} if the broker refuses
     * the record, with {@link ClientException.TimedOut} if it is not sent or has no result in time, and with
     * {@link ClientException.Closed} if the client is closed before.
     *
     * @throws IllegalArgumentException if another request with this id is open
     */
    OpenRequest submit(GenerationRequest request);

    /**
     * Submits as {@link #submit(GenerationRequest)}, but waits while a limit is reached. Use it to send many requests
     * with a bounded number of open ones.
     *
     * @param maxWait the longest time to wait; then the stages fail with {@link ClientException.TooManyOpen}
     * @throws InterruptedException if the thread is interrupted while it waits; the request is not sent
     */
    OpenRequest submit(GenerationRequest request, Duration maxWait) throws InterruptedException;

    /**
     * Waits again for the results of requests that were sent before, such as by a process that has ended. A result is
     * matched by its id, so the ids must be unique; of several results with one id, the first one counts. Events are
     * those that are written from now on, and the rest of the text comes with the result.
     *
     * @param since a time before the first of the requests was sent. The results topic is read from there, so a long
     *     time ago delays other results
     * @return a request for each id, in their order. The stages of all fail with {@link ClientException.TooManyOpen} if
     *     they exceed the limit together, and with {@link ClientException.Closed} if the client is closed
     * @throws IllegalArgumentException if a request with one of the ids is open, or an id is there twice; none is
     *     attached then
     */
    List<OpenRequest> attach(Collection<String> ids, Instant since);

    /**
     * Attaches as {@link #attach} does, to requests whose records are known, such as from {@link OpenRequest#record}. A
     * result is matched by the record, so other results with the same id are ignored.
     *
     * @param records the record of each id
     */
    List<OpenRequest> attachRecords(Map<String, Source> records, Instant since);

    /**
     * Sends a request. The stage completes with an answer, and fails with {@link ClientException.Refused} for an error
     * of the service.
     */
    default CompletionStage<RequestResult> generate(GenerationRequest request) {
        return submit(request).result().thenApply(RequestResult::orThrow);
    }

    /**
     * Sends a validation batch. Waits for nothing. The stage completes when the calibrators have processed the batch. A
     * batch counts once, so a program that did not get the outcome sends the batch with the same id again. The stage
     * fails as that of a request does; the limits of the client apply to batches, too, and the limit of time to the
     * time without an outcome of any batch.
     */
    CompletionStage<BatchOutcome> validate(RawValidationBatch batch);

    /** Validates as {@link #validate(RawValidationBatch)}, but waits up to {@code maxWait} while a limit is reached. */
    CompletionStage<BatchOutcome> validate(RawValidationBatch batch, Duration maxWait) throws InterruptedException;

    /**
     * Reads the current boundary table: the last record of each adapter. An adapter without a record uses full LoRA.
     *
     * @throws ClientException if the table cannot be read
     */
    SortedMap<String, TableEntry> boundaries();

    /**
     * The boundary table: first the last record of each adapter, then each change. A subscriber that is slower than the
     * calibrators gets the last change of each adapter only. Any number of subscribers.
     */
    Flow.Publisher<BoundaryChange> watchBoundaries();

    /** The number of open requests. */
    int openRequests();

    /**
     * Accepts no more requests and waits until none is open. The requests that are open after that time fail with
     * {@link ClientException.Closed}; the service continues with them, and {@link #attach} finds their results. Open
     * validation batches fail at once, and boundary subscriptions end. Do not call it in a callback of this client,
     * because a request is open until its callbacks have run.
     *
     * @param maxWait zero to give up at once
     */
    void close(Duration maxWait);

    /** Closes the client as {@link #close(Duration)} does, and waits for at most 30 seconds. */
    @Override
    default void close() {
        close(Duration.ofSeconds(30));
    }
}
