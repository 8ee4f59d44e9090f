package io.tidemark.stream.worker;

import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.subscription.Cancellable;
import io.smallrye.reactive.messaging.kafka.api.IncomingKafkaRecordMetadata;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;
import org.eclipse.microprofile.reactive.messaging.Message;
import org.jboss.logging.Logger;

/**
 * Takes requests from the channel and acknowledges each when its answer is with the broker, in whatever order they end.
 * The commit strategy {@code throttled} commits up to the oldest unacknowledged record only, so that no commit ever
 * passes a request that is still open.
 *
 * <p>The consumer joins its group when {@link #start} subscribes, not before: a process that still loads its model
 * holds no partition. At most {@code max-num-seqs + max-queued-requests} requests are open at once; beyond that the channel asks for no more
 * and the consumer is paused.
 */
public final class RequestIntake {

    private static final Logger LOG = Logger.getLogger(RequestIntake.class);

    private final Multi<Message<byte[]>> channel;
    private final RequestLifecycle desk;
    private final int mostOpen;
    private final AtomicReference<Throwable> failure = new AtomicReference<>();
    private volatile boolean draining;

    public RequestIntake(Multi<Message<byte[]>> channel, RequestLifecycle desk, int mostOpen) {
        this.channel = channel;
        this.desk = desk;
        this.mostOpen = mostOpen;
    }

    /** Begins to consume. */
    public Cancellable start() {
        return channel.onItem()
                .transformToUni(this::handle)
                .merge(mostOpen)
                .subscribe()
                .with(done -> {}, failed -> {
                    LOG.error("consuming requests has failed for good", failed);
                    failure.set(failed);
                });
    }

    /** Takes no further request. What was read and not started stays unacknowledged. */
    public void stop() {
        draining = true;
    }

    /** Why nothing is consumed any more, for a health check. */
    public Optional<Throwable> failure() {
        return Optional.ofNullable(failure.get());
    }

    private Uni<Void> handle(Message<byte[]> message) {
        if (draining) {
            // never done: it keeps its place in the merge, so the channel soon asks for nothing more
            return Uni.createFrom().nothing();
        }
        CompletableFuture<Void> answered = desk.answer(incoming(message));
        return Uni.createFrom().completionStage(answered.thenCompose(done -> message.ack()));
    }

    @SuppressWarnings("unchecked")
    private static IncomingRequest incoming(Message<byte[]> message) {
        IncomingKafkaRecordMetadata<byte[], byte[]> metadata =
                message.getMetadata(IncomingKafkaRecordMetadata.class).orElseThrow();
        return new IncomingRequest(metadata.getRecord(), metadata.getConsumerGroupGenerationId());
    }
}
