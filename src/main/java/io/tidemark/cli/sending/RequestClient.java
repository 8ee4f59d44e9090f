package io.tidemark.cli.sending;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.cli.console.CommandException;
import io.tidemark.client.ClientException;
import io.tidemark.client.Cluster;
import io.tidemark.client.GenerationRequest;
import io.tidemark.client.KafkaTidemarkClient;
import io.tidemark.client.Limits;
import io.tidemark.client.OpenRequest;
import io.tidemark.client.RequestEvent;
import io.tidemark.client.RequestResult;
import io.tidemark.client.TidemarkClient;
import io.tidemark.client.Topics;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Flow;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * Sends requests, and calls a listener with their texts and results on the calling thread. An instance is used by one
 * thread.
 */
public final class RequestClient implements AutoCloseable {

    private static final int MAX_OPEN = 1000;

    /** The time limit of a request in the client: none in practice, because {@link #send} has a timeout. */
    private static final Duration FOREVER = Duration.ofDays(3650);

    /** What the client calls back; run by {@link #send}. */
    private final BlockingQueue<Runnable> calls = new LinkedBlockingQueue<>();

    private final TidemarkClient client;

    /** What {@link #send} throws: the failure of a request, or an exception of a listener. */
    private Optional<RuntimeException> failure = Optional.empty();

    /** Seeks to the end of the results topic, so that the results of all later requests are read. */
    public RequestClient(Cluster cluster, Topics topics) {
        this.client = KafkaTidemarkClient.builder(cluster)
                .topics(topics)
                .callbacks(calls::add)
                .limits(Limits.DEFAULT.withTime(FOREVER))
                .build();
    }

    /**
     * Sends all requests and waits for their results.
     *
     * @param requests each with a unique {@code id}; the listener gets the text of those with {@code stream}
     * @param timeout  maximum time to wait for the last result
     * @return the results that arrived in time, in the order of the requests
     * @throws ClientException when a request cannot be sent
     */
    public List<RequestResult> send(List<ObjectNode> requests, ResultListener listener, Duration timeout) {
        Instant end = Instant.now().plus(timeout);
        List<Outcome> outcomes = new ArrayList<>();
        Iterator<ObjectNode> unsent = requests.iterator();
        int[] done = {0};
        while (done[0] < requests.size() && Instant.now().isBefore(end)) {
            while (unsent.hasNext() && outcomes.size() - done[0] < MAX_OPEN) {
                ObjectNode request = unsent.next();
                Outcome outcome = new Outcome(client.submit(GenerationRequest.json(request)), listener);
                outcomes.add(outcome);
                outcome.request.result().whenComplete((result, failure) -> {
                    done[0]++;
                    outcome.end(result, failure);
                });
                if (request.path("stream").asBoolean()) {
                    outcome.request.events().subscribe(outcome);
                }
            }
            callBack(end);
            failure.ifPresent(cause -> {
                throw cause;
            });
        }
        return outcomes.stream().flatMap(each -> each.result.stream()).toList();
    }

    private void callBack(Instant end) {
        try {
            Runnable call = calls.poll(Duration.between(Instant.now(), end).toMillis(), TimeUnit.MILLISECONDS);
            if (call != null) {
                call.run();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CommandException("interrupted", e);
        }
    }

    @Override
    public void close() {
        client.close(Duration.ZERO);
    }

    /** Stages and publishers keep exceptions of their callbacks; {@link #send} throws them. */
    private void call(Runnable callback) {
        try {
            callback.run();
        } catch (RuntimeException e) {
            failure = Optional.of(e);
        }
    }

    /** The calls of one request. */
    private final class Outcome implements Flow.Subscriber<RequestEvent> {

        private final OpenRequest request;
        private final ResultListener listener;
        private Optional<RequestResult> result = Optional.empty();

        private Outcome(OpenRequest request, ResultListener listener) {
            this.request = request;
            this.listener = listener;
        }

        private void end(RequestResult received, Throwable cause) {
            if (cause == null) {
                result = Optional.of(received);
                call(() -> listener.onResult(received));
            } else {
                failure = Optional.of(
                        cause.getCause() instanceof ClientException known
                                ? known
                                : new CommandException(cause.getMessage(), cause));
            }
        }

        @Override
        public void onSubscribe(Flow.Subscription subscription) {
            subscription.request(Long.MAX_VALUE);
        }

        @Override
        public void onNext(RequestEvent event) {
            if (result.isPresent()) {
                return;
            }
            call(() -> {
                if (event instanceof RequestEvent.Text text) {
                    listener.onText(request.id(), text.choice(), text.text());
                } else {
                    listener.onRestart(request.id());
                }
            });
        }

        /** The result says what failed. */
        @Override
        public void onError(Throwable failure) {}

        @Override
        public void onComplete() {}
    }
}
