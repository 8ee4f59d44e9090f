package io.tidemark.client;

import io.tidemark.topic.TopicReader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/**
 * Passes the records of a client to its producer, so that no other thread waits for the producer: neither for the
 * metadata of a topic, such as without a broker, nor for a place in its buffer. The records of a topic are passed in
 * the order in which they were added. The records of one topic do not wait for another topic for longer than the
 * producer's {@code max.block.ms}.
 *
 * <p>A record waits here until a broker has told the partitions of its topic. Until then it can be withdrawn, and is
 * certainly not sent then. Those who add records bound their number and bytes ({@link Limits}).
 *
 * <p>Thread-safe. The thread {@code tidemark-client-sender} passes records. It also calls the callbacks of those that
 * were not passed; the producer's thread calls the others. No lock is held meanwhile.
 */
final class RecordSender implements Runnable {

    /** How often what waits for a broker is tried again. */
    private static final long RETRY_MILLIS = 100;

    private final Cluster cluster;
    private final Producer<String, byte[]> producer;
    private final Duration longest;
    private final LongSupplier nanoTime;
    private final Thread thread = CallbackThreads.daemon(this, "tidemark-client-sender");

    /** The records that were not passed, by topic, in their order. */
    private final Map<String, Map<Ticket, Outgoing>> waiting = new LinkedHashMap<>();

    /** Counts what may let a record pass, so that no such change is missed between a try and the wait after it. */
    private long changes;

    private boolean stopped;

    /** Why records wait. */
    private volatile Optional<KafkaException> stalled = Optional.empty();

    /** @param longest how long a record may wait */
    RecordSender(Cluster cluster, Producer<String, byte[]> producer, Duration longest, LongSupplier nanoTime) {
        this.cluster = cluster;
        this.producer = producer;
        this.longest = longest;
        this.nanoTime = nanoTime;
    }

    /**
     * @param what  names the record in messages
     * @param after nothing is passed before this stage has completed
     */
    private record Outgoing(
            String what,
            ProducerRecord<String, byte[]> record,
            CompletableFuture<Void> after,
            long deadline,
            Callback callback) {

        private void fail(Exception cause) {
            callback.onCompletion(null, cause);
        }
    }

    private enum State {
        WAITING,
        PASSING,
        PASSED,
        WITHDRAWN
    }

    /** A record that was added. */
    final class Ticket {

        private State state = State.WAITING;
        private boolean unwanted;

        /** Returns whether the record is not sent, now or later. Otherwise it has been passed, and may be sent. */
        boolean withdraw() {
            return RecordSender.this.withdraw(this);
        }

        boolean isWaiting() {
            synchronized (RecordSender.this) {
                return state == State.WAITING;
            }
        }
    }

    void start() {
        thread.start();
    }

    /**
     * Adds a record. Does not wait.
     *
     * @param what     names the record in messages, such as {@code request 'a'}
     * @param after    the record, and those of its topic that were added later, wait for it; its failure is the
     *     record's
     * @param callback the acknowledgement, or why there is none: a {@link ClientException} if the record was not passed
     */
    Ticket add(String what, ProducerRecord<String, byte[]> record, CompletableFuture<Void> after, Callback callback) {
        Ticket ticket = new Ticket();
        synchronized (this) {
            if (!stopped) {
                long deadline = nanoTime.getAsLong() + Limits.nanos(longest);
                waiting.computeIfAbsent(record.topic(), topic -> new LinkedHashMap<>())
                        .put(ticket, new Outgoing(what, record, after, deadline, callback));
                changed();
                after.whenComplete((done, failure) -> changed());
                return ticket;
            }
            ticket.state = State.WITHDRAWN;
        }
        callback.onCompletion(null, closed(what));
        return ticket;
    }

    private synchronized void changed() {
        changes++;
        notifyAll();
    }

    /** Remembers why records wait, as a thread has found that opens their way. */
    void stalled(KafkaException cause) {
        stalled = Optional.of(cause);
    }

    private synchronized boolean withdraw(Ticket ticket) {
        if (ticket.state == State.WAITING) {
            remove(ticket);
            ticket.state = State.WITHDRAWN;
        }
        ticket.unwanted = true;
        return ticket.state == State.WITHDRAWN;
    }

    private void remove(Ticket ticket) {
        waiting.values().removeIf(topic -> topic.remove(ticket) != null && topic.isEmpty());
        notifyAll();
    }

    @Override
    public void run() {
        try {
            for (Optional<Long> seen = await(Optional.empty()); seen.isPresent(); seen = await(seen)) {
                expire();
                topics().forEach(this::passAll);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            stop();
        }
    }

    /**
     * Waits for a change, or for the next try.
     *
     * @param seen the changes before the last try
     * @return the changes; empty when the client is closed
     */
    private synchronized Optional<Long> await(Optional<Long> seen) throws InterruptedException {
        while (!stopped && waiting.isEmpty()) {
            wait();
        }
        if (!stopped && seen.isPresent() && seen.get() == changes) {
            TimeUnit.MILLISECONDS.timedWait(this, RETRY_MILLIS);
        }
        return stopped ? Optional.empty() : Optional.of(changes);
    }

    private synchronized List<String> topics() {
        return List.copyOf(waiting.keySet());
    }

    private synchronized Optional<Map.Entry<Ticket, Outgoing>> first(String topic) {
        return stopped
                ? Optional.empty()
                : Optional.ofNullable(waiting.get(topic))
                        .map(records -> records.entrySet().iterator().next());
    }

    private void passAll(String topic) {
        for (Optional<Map.Entry<Ticket, Outgoing>> next = first(topic);
                next.isPresent() && pass(next.get().getKey(), next.get().getValue());
                next = first(topic)) {}
    }

    /** Returns false if the records of the topic have to wait. */
    private boolean pass(Ticket ticket, Outgoing next) {
        if (!next.after.isDone()) {
            return false;
        }
        try {
            next.after.join();
            // waits for up to max.block.ms, while the record can be withdrawn
            producer.partitionsFor(next.record.topic());
            stalled = Optional.empty();
        } catch (TimeoutException e) {
            stalled = Optional.of(
                    e.getCause() instanceof UnknownTopicOrPartitionException
                            ? TopicReader.doesNotExist(next.record.topic())
                            : e);
            return false;
        } catch (CompletionException e) {
            return end(ticket, next, e.getCause());
        } catch (KafkaException | IllegalStateException e) {
            return end(ticket, next, e);
        }
        return !begin(ticket) || send(ticket, next);
    }

    private synchronized boolean begin(Ticket ticket) {
        if (ticket.state == State.WAITING) {
            ticket.state = State.PASSING;
            return true;
        }
        return false;
    }

    /** Returns false if the producer has no place for the record. */
    private boolean send(Ticket ticket, Outgoing next) {
        List<TimeoutException> notPassed = new ArrayList<>(0);
        try {
            producer.send(next.record, (metadata, failure) -> {
                // on this thread, the producer calls back for a record that it has not taken
                if (failure instanceof TimeoutException timeout && Thread.currentThread() == thread) {
                    notPassed.add(timeout);
                } else {
                    next.callback.onCompletion(metadata, failure);
                }
            });
        } catch (KafkaException | IllegalStateException e) {
            passed(ticket);
            next.fail(e instanceof InterruptException ? closed(next.what) : e);
            return true;
        }
        if (notPassed.isEmpty()) {
            passed(ticket);
            return true;
        }
        stalled = Optional.of(notPassed.get(0));
        if (!putBack(ticket)) {
            next.fail(new ClientException.Cancelled(next.what + " was withdrawn before it was sent"));
        }
        return false;
    }

    private synchronized void passed(Ticket ticket) {
        remove(ticket);
        ticket.state = State.PASSED;
    }

    /** Returns false if the record was to be withdrawn meanwhile. */
    private synchronized boolean putBack(Ticket ticket) {
        ticket.state = State.WAITING;
        return !ticket.unwanted || !withdraw(ticket);
    }

    /** Ends a record that cannot be passed. */
    private boolean end(Ticket ticket, Outgoing next, Throwable cause) {
        if (withdraw(ticket)) {
            next.fail(
                    cause instanceof InterruptException
                            ? closed(next.what)
                            : ClientException.of(next.what + " was not sent", cause));
        }
        return true;
    }

    private void expire() {
        List<Outgoing> expired = new ArrayList<>();
        synchronized (this) {
            long now = nanoTime.getAsLong();
            List<Ticket> tickets = new ArrayList<>();
            for (Map<Ticket, Outgoing> records : waiting.values()) {
                for (Map.Entry<Ticket, Outgoing> each : records.entrySet()) {
                    if (each.getValue().deadline - now > 0) {
                        break;
                    }
                    tickets.add(each.getKey());
                    expired.add(each.getValue());
                }
            }
            tickets.forEach(this::withdraw);
        }
        expired.forEach(each -> each.fail(new ClientException.TimedOut(
                each.what + " was not sent within " + longest.toSeconds() + " s: " + cluster.unreachable(stalled))));
    }

    private static ClientException closed(String what) {
        return new ClientException.Closed(what + " was not sent: the client is closed");
    }

    /**
     * Waits until all records have been passed, and fails those that have not been in time.
     *
     * @throws InterruptedException if the caller is interrupted while it waits; the records have failed then, too
     */
    void close(Duration maxWait) throws InterruptedException {
        try {
            // a callback on the thread that passes records cannot wait for it
            if (thread != Thread.currentThread()) {
                awaitNone(maxWait);
            }
        } finally {
            stop();
            // ends the wait for metadata
            thread.interrupt();
        }
    }

    private synchronized void awaitNone(Duration maxWait) throws InterruptedException {
        long nanos = Limits.nanos(maxWait);
        long end = nanoTime.getAsLong() + nanos;
        for (long left = nanos; !stopped && !waiting.isEmpty() && left > 0; left = end - nanoTime.getAsLong()) {
            TimeUnit.NANOSECONDS.timedWait(this, left);
        }
    }

    private void stop() {
        List<Outgoing> left = new ArrayList<>();
        synchronized (this) {
            stopped = true;
            for (String topic : topics()) {
                for (Map.Entry<Ticket, Outgoing> each :
                        List.copyOf(waiting.get(topic).entrySet())) {
                    if (withdraw(each.getKey())) {
                        left.add(each.getValue());
                    }
                }
            }
            notifyAll();
        }
        left.forEach(each -> each.fail(closed(each.what)));
    }
}
