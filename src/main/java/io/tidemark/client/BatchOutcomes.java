package io.tidemark.client;

import io.tidemark.message.DeadLetterHeaders;
import io.tidemark.message.Provenance.Source;
import io.tidemark.message.RawValidationBatch;
import io.tidemark.message.UncountedExamples;
import io.tidemark.topic.TopicReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.header.Header;

/**
 * Sends validation batches and waits until the calibrators have processed them.
 *
 * <p>A batch is processed when the calibrators' consumer group has committed past it. The calibrator commits that
 * offset in the transaction that contains the batch's state and boundary, or its dead letter, so the outcome is
 * readable by then.
 *
 * <p>Callers add batches, which {@link RecordSender} sends; the thread {@code tidemark-client-batches} does everything
 * else. It starts with the first batch. No batch is sent before the thread reads the topics on which its outcome is.
 */
final class BatchOutcomes implements Runnable {

    private static final long POLL_MILLIS = 100;
    private static final long RETRY_MILLIS = 500;

    private final Cluster cluster;
    private final Topics topics;
    private final String group;
    private final Limits limits;
    private final RecordSender sender;
    private final Executor callbacks;
    private final LongSupplier nanoTime;

    private final Map<Source, Pending> sent = new HashMap<>();

    /** The batches that the broker has not acknowledged. */
    private final Set<Pending> unacknowledged = new HashSet<>();

    /** Completes when the thread reads the outcomes of the open batches. */
    private CompletableFuture<Void> ready = new CompletableFuture<>();

    private int open;
    private long bytes;

    /** When a batch was processed last, or the first of the open ones was acknowledged. */
    private long progress;

    private boolean started;

    /** Why the thread has ended; batches that are acknowledged later fail with it. */
    private ClientException ended = closed();

    private boolean stopped;

    /** Dead letters whose batch is open, or may be. Used by the thread only. */
    private final Map<Source, DeadLetterHeaders> letters = new HashMap<>();

    /** @param group the calibrators' consumer group */
    BatchOutcomes(
            Cluster cluster,
            Topics topics,
            String group,
            Limits limits,
            RecordSender sender,
            Executor callbacks,
            LongSupplier nanoTime) {
        this.cluster = cluster;
        this.topics = topics;
        this.group = group;
        this.limits = limits;
        this.sender = sender;
        this.callbacks = callbacks;
        this.nanoTime = nanoTime;
    }

    private static final class Pending {

        private final RawValidationBatch batch;
        private final byte[] value;
        private final CompletableFuture<BatchOutcome> outcome = new CompletableFuture<>();
        private Optional<RecordSender.Ticket> ticket = Optional.empty();
        private boolean ended;

        private Pending(RawValidationBatch batch) {
            this.batch = batch;
            this.value = batch.toJson();
        }
    }

    /**
     * Adds a batch to send.
     *
     * @param maxWait the longest time to wait for a place; the stage fails without one
     */
    synchronized CompletionStage<BatchOutcome> add(RawValidationBatch batch, Duration maxWait)
            throws InterruptedException {
        Pending pending = new Pending(batch);
        long nanos = Limits.nanos(maxWait);
        long end = nanoTime.getAsLong() + nanos;
        for (long left = nanos; !stopped && !hasPlace(pending) && left > 0; ) {
            TimeUnit.NANOSECONDS.timedWait(this, left);
            left = end - nanoTime.getAsLong();
        }
        if (stopped) {
            fail(pending, new ClientException.Closed(name(pending) + " was not sent: the client is closed"));
        } else if (!hasPlace(pending)) {
            fail(
                    pending,
                    new ClientException.TooManyOpen(name(pending) + " was not sent: " + open + " batches of " + bytes
                            + " bytes are open, and the limit is " + limits.openRequests() + " batches of "
                            + limits.unsentBytes() + " bytes; wait for outcomes, or use validate(batch, maxWait)"));
        } else {
            if (open == 0) {
                ready = new CompletableFuture<>();
            }
            bytes += pending.value.length;
            open++;
            unacknowledged.add(pending);
            start();
            pending.ticket = Optional.of(sender.add(
                    name(pending),
                    new ProducerRecord<>(topics.validationBatches(), batch.adapter(), pending.value),
                    ready,
                    (metadata, failure) -> acknowledge(pending, metadata, failure)));
            notifyAll();
        }
        return pending.outcome.minimalCompletionStage();
    }

    /** A batch that is larger than the limit is sent alone. */
    private boolean hasPlace(Pending pending) {
        return open == 0 || open < limits.openRequests() && bytes + pending.value.length <= limits.unsentBytes();
    }

    /** Ends the thread. Open batches fail at once, while the threads of callbacks still run. */
    synchronized void stop() {
        stopped = true;
        notifyAll();
        failSent(closed());
        for (Pending pending : List.copyOf(unacknowledged)) {
            if (pending.ticket.filter(RecordSender.Ticket::withdraw).isPresent()) {
                ClientException cause =
                        new ClientException.Closed(name(pending) + " was not sent: the client is closed");
                end(pending, () -> pending.outcome.completeExceptionally(cause));
            }
        }
    }

    private void start() {
        if (!started) {
            started = true;
            CallbackThreads.daemon(this, "tidemark-client-batches").start();
        }
    }

    @Override
    public void run() {
        ClientException end = closed();
        try (TopicReader<String> deadLetters = cluster.reader();
                CountedBatches counted = new CountedBatches(cluster, topics.calibrationState(), nanoTime);
                Admin admin = cluster.admin()) {
            openWhenPossible(deadLetters);
            while (awaitWork()) {
                CompletableFuture<Void> beginning = ready();
                if (!beginning.isDone()) {
                    counted.begin();
                    beginning.complete(null);
                }
                List<Source> passed = passed(admin);
                if (!passed.isEmpty()) {
                    deadLetters.readToHighWatermark(admin, this::keep, Cluster.READ_PAUSE);
                    counted.read();
                    complete(passed, counted);
                }
                expire();
            }
        } catch (ClientException | KafkaException e) {
            end = ClientException.of("validation batches cannot be followed", e);
        } catch (InterruptedException e) {
            end = ClientException.interrupted(e);
        } finally {
            restart(end);
        }
    }

    private void openWhenPossible(TopicReader<String> deadLetters) throws InterruptedException {
        while (awaitWork()) {
            try {
                deadLetters.addFromEnd(topics.validationDeadLetters());
                return;
            } catch (UnknownTopicOrPartitionException e) {
                throw e;
            } catch (RetriableException e) {
                sender.stalled(e);
                TimeUnit.MILLISECONDS.sleep(RETRY_MILLIS);
            }
        }
    }

    private synchronized CompletableFuture<Void> ready() {
        return ready;
    }

    private static ClientException closed() {
        return new ClientException.Closed("the client was closed while validation batches were open; the calibrators"
                + " process them. A batch that is sent again counts once");
    }

    /** The next batch starts a new thread. */
    private void restart(ClientException cause) {
        CompletableFuture<Void> notBegun;
        synchronized (this) {
            started = false;
            ended = cause;
            failSent(cause);
            notBegun = ready;
            ready = new CompletableFuture<>();
            notifyAll();
        }
        notBegun.completeExceptionally(cause);
    }

    private void failSent(ClientException cause) {
        List<Pending> open = List.copyOf(sent.values());
        sent.clear();
        open.forEach(pending -> end(pending, () -> pending.outcome.completeExceptionally(cause)));
    }

    /** Returns false when the client is closed. */
    private synchronized boolean awaitWork() throws InterruptedException {
        while (!stopped && sent.isEmpty() && unacknowledged.isEmpty()) {
            wait();
        }
        if (!stopped && ready.isDone()) {
            TimeUnit.MILLISECONDS.timedWait(this, POLL_MILLIS);
        }
        return !stopped;
    }

    /** @param metadata null or without a position if there is a failure; as Kafka's callbacks have it */
    private synchronized void acknowledge(Pending pending, RecordMetadata metadata, Exception failure) {
        unacknowledged.remove(pending);
        if (failure == null && started && !stopped) {
            progress = sent.isEmpty() ? nanoTime.getAsLong() : progress;
            sent.put(new Source(metadata.topic(), metadata.partition(), metadata.offset()), pending);
        } else {
            ClientException cause = failure == null ? stopped ? closed() : ended : notSent(pending, failure);
            end(pending, () -> pending.outcome.completeExceptionally(cause));
        }
    }

    /** A producer that is closed before the broker has acknowledged a record fails it without a type of its own. */
    private ClientException notSent(Pending pending, Exception failure) {
        ClientException cause =
                ClientException.ofRecord(name(pending), pending.value.length, topics.validationBatches(), failure);
        return stopped && cause instanceof ClientException.Failed
                ? new ClientException.Closed(
                        "the client was closed before the broker acknowledged " + name(pending)
                                + "; send it again: it counts once",
                        failure)
                : cause;
    }

    /** The batches that the group has committed past. */
    private List<Source> passed(Admin admin) throws InterruptedException {
        Map<TopicPartition, OffsetAndMetadata> committed;
        try {
            committed = admin.listConsumerGroupOffsets(group)
                    .partitionsToOffsetAndMetadata()
                    .get();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof RetriableException) {
                // such as a broker that starts again; the limit of time ends the batches
                return List.of();
            }
            throw ClientException.of("the offsets of group '" + group + "' could not be read", e.getCause());
        }
        synchronized (this) {
            return sent.keySet().stream()
                    .filter(source -> Optional.ofNullable(
                                    committed.get(new TopicPartition(source.topic(), source.partition())))
                            .filter(offset -> offset.offset() > source.offset())
                            .isPresent())
                    .toList();
        }
    }

    private synchronized void complete(List<Source> passed, CountedBatches counted) {
        progress = nanoTime.getAsLong();
        for (Source source : passed) {
            Optional<DeadLetterHeaders> rejected = Optional.ofNullable(letters.remove(source));
            Optional<UncountedExamples> known = counted.remove(source);
            // absent if the client was closed meanwhile
            Optional.ofNullable(sent.remove(source)).ifPresent(pending -> {
                BatchOutcome outcome = rejected.<BatchOutcome>map(
                                letter -> new BatchOutcome.Rejected(pending.batch, letter.code(), letter.message()))
                        .orElseGet(() -> new BatchOutcome.Counted(pending.batch, known));
                end(pending, () -> pending.outcome.complete(outcome));
            });
        }
        if (unacknowledged.isEmpty()) {
            letters.keySet().retainAll(sent.keySet());
            counted.retain(sent.keySet());
        }
    }

    /** The headers of a record by name, as text; of several headers with one name, the last one. */
    static Map<String, String> headers(ConsumerRecord<String, byte[]> record) {
        Map<String, String> headers = new HashMap<>();
        for (Header header : record.headers()) {
            if (header.value() != null) {
                headers.put(header.key(), new String(header.value(), StandardCharsets.UTF_8));
            }
        }
        return headers;
    }

    private void keep(ConsumerRecord<String, byte[]> letter) {
        try {
            DeadLetterHeaders headers = DeadLetterHeaders.parse(headers(letter));
            letters.put(headers.source(), headers);
        } catch (IllegalArgumentException e) {
            // another producer wrote this record
        }
    }

    private synchronized void expire() {
        Duration waited = Duration.ofNanos(nanoTime.getAsLong() - progress);
        if (waited.compareTo(limits.time()) > 0) {
            ClientException cause = new ClientException.TimedOut("no calibrator of group '" + group
                    + "' processed a batch for " + limits.time().toSeconds() + " s (" + sent.size()
                    + " are open); is one running? 'tidemark serve --role calibrator'");
            for (Iterator<Pending> each = sent.values().iterator(); each.hasNext(); each.remove()) {
                Pending pending = each.next();
                end(pending, () -> pending.outcome.completeExceptionally(cause));
            }
        }
    }

    private void end(Pending pending, Runnable completion) {
        if (pending.ended) {
            return;
        }
        pending.ended = true;
        unacknowledged.remove(pending);
        bytes -= pending.value.length;
        open--;
        notifyAll();
        callbacks.execute(completion);
    }

    private void fail(Pending pending, ClientException cause) {
        callbacks.execute(() -> pending.outcome.completeExceptionally(cause));
    }

    private static String name(Pending pending) {
        return "validation batch '" + pending.batch.batchId() + "'";
    }
}
