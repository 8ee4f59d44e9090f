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
 * Consumes requests from the channel and acknowledges each when the broker has its answer, in any order. The commit
 * strategy {@code throttled} commits offsets up to the oldest unacknowledged record, so that no commit passes an open
 * request.
 *
 * <p>The consumer joins its group when {@link #start} subscribes: a process that loads its model owns no partition. At
 * most {@code max-num-seqs + max-queued-requests} requests are open; beyond that the channel requests no more records
 * and the consumer is paused.
 */
public final class RequestIntake {

    private static final Logger LOG = Logger.getLogger(RequestIntake.class);

    private final Multi<Message<byte[]>> channel;
    private final RequestLifecycle requests;
    private final int maxOpen;
    private final AtomicReference<Throwable> failure = new AtomicReference<>();
    private volatile boolean stopped;

    public RequestIntake(Multi<Message<byte[]>> channel, RequestLifecycle requests, int maxOpen) {
        this.channel = channel;
        this.requests = requests;
        this.maxOpen = maxOpen;
    }

    /** Starts to consume. */
    public Cancellable start() {
        return channel.onItem()
                .transformToUni(this::handle)
                .merge(maxOpen)
                .subscribe()
                .with(done -> {}, failed -> {
                    LOG.error("consuming requests has failed; only a restart resolves this", failed);
                    failure.set(failed);
                });
    }

    /** Stops accepting requests. Records that were consumed and not started stay unacknowledged. */
    public void stop() {
        stopped = true;
    }

    /** The failure that ended consumption, for a health check. */
    public Optional<Throwable> failure() {
        return Optional.ofNullable(failure.get());
    }

    private Uni<Void> handle(Message<byte[]> message) {
        if (stopped) {
            // never completes: it occupies the merge, so that the channel requests no more records
            return Uni.createFrom().nothing();
        }
        CompletableFuture<Void> answered = requests.answer(incoming(message));
        return Uni.createFrom().completionStage(answered.thenCompose(done -> message.ack()));
    }

    @SuppressWarnings("unchecked")
    private static IncomingRequest incoming(Message<byte[]> message) {
        IncomingKafkaRecordMetadata<byte[], byte[]> metadata =
                message.getMetadata(IncomingKafkaRecordMetadata.class).orElseThrow();
        return new IncomingRequest(metadata.getRecord(), metadata.getConsumerGroupGenerationId());
    }
}
