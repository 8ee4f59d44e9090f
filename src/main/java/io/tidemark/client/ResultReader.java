package io.tidemark.client;

import io.tidemark.time.Time;
import io.tidemark.topic.TopicReader;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.AuthenticationException;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.errors.WakeupException;

/**
 * Reads the results and events of all requests of a client with one consumer, without a consumer group: all partitions
 * of the topics, results from where they ended when the topics were opened, events from the first request that streams.
 * Requests are sent after that.
 *
 * <p>The topics are opened on the thread that builds the client, or later on the client's thread
 * {@code tidemark-client}, which also does everything else. Other threads give it tasks. A task that no broker answers
 * is tried again.
 */
final class ResultReader implements Runnable {

    private static final Duration POLL = Duration.ofMillis(100);
    private static final long REFRESH_NANOS = TimeUnit.SECONDS.toNanos(60);
    private static final Duration RETRY = Duration.ofMillis(500);

    private final TopicReader<byte[]> reader;
    private final OpenRequests openRequests;
    private final LongSupplier nanoTime;
    private final String events;

    /** Where results are; the first one is needed, others are read if the principal may. */
    private final List<String> results;

    private final String requests;

    /** Is told why no broker answers. */
    private final Consumer<KafkaException> stalled;

    private final Queue<Task> tasks = new ConcurrentLinkedQueue<>();
    private Optional<CompletableFuture<Void>> opened = Optional.empty();
    private Optional<CompletableFuture<Void>> eventsFollowed = Optional.empty();
    private long refreshed;
    private volatile boolean open;
    private volatile boolean stopped;

    /** @param results where results are, one topic or more */
    ResultReader(
            TopicReader<byte[]> reader,
            Topics topics,
            List<String> results,
            OpenRequests openRequests,
            LongSupplier nanoTime,
            Consumer<KafkaException> stalled) {
        this.reader = reader;
        this.results = List.copyOf(results);
        this.events = topics.events();
        this.requests = topics.requests();
        this.openRequests = openRequests;
        this.nanoTime = nanoTime;
        this.stalled = stalled;
        this.refreshed = nanoTime.getAsLong();
    }

    /**
     * @param absent whether the task waits for topics that do not exist; otherwise it fails
     * @param done   completes when the task has run
     */
    private record Task(String what, boolean absent, Runnable action, CompletableFuture<Void> done) {}

    /**
     * Finds the ends of the results topics, on the thread that builds the client. Otherwise, {@link #opened} does.
     *
     * @throws KafkaException if a topic cannot be read
     */
    void open() {
        reader.addFromEnd(results.get(0));
        results.subList(1, results.size()).forEach(this::followIfPermitted);
        reader.partitionsOf(requests);
        open = true;
    }

    /** Completes when results are read; after a failure, the next call tries again. */
    synchronized CompletableFuture<Void> opened() {
        if (open) {
            return CompletableFuture.completedFuture(null);
        }
        opened = Optional.of(again(opened).orElseGet(() -> onThread("results", true, this::open)));
        return opened.get();
    }

    /** Completes when events that are written from then on are read; after a failure, the next call tries again. */
    synchronized CompletableFuture<Void> followEvents() {
        eventsFollowed = Optional.of(again(eventsFollowed)
                .orElseGet(() ->
                        opened().thenCompose(done -> onThread("events", false, () -> reader.addFromEnd(events)))));
        return eventsFollowed.get();
    }

    private static Optional<CompletableFuture<Void>> again(Optional<CompletableFuture<Void>> earlier) {
        return earlier.filter(each -> !each.isCompletedExceptionally());
    }

    /** Reads results again that were written since a time. */
    CompletableFuture<Void> readSince(Instant since) {
        return opened().thenCompose(
                        done -> onThread("results since " + since, false, () -> reader.seekBack(results, since)));
    }

    private CompletableFuture<Void> onThread(String what, boolean absent, Runnable action) {
        Task task = new Task(what, absent, action, new CompletableFuture<>());
        tasks.add(task);
        return task.done;
    }

    /** Ends {@link #run} within a poll. */
    void stop() {
        stopped = true;
        reader.wakeup();
    }

    @Override
    public void run() {
        try (reader) {
            while (!stopped) {
                step();
            }
        } finally {
            openRequests.end("the thread that reads results has ended; build a new client");
        }
    }

    private void step() {
        try {
            if (!runTasks()) {
                Time.system().sleep(RETRY);
            }
            if (!open) {
                Time.system().sleep(POLL);
                return;
            }
            if (nanoTime.getAsLong() - refreshed > REFRESH_NANOS) {
                refreshed = nanoTime.getAsLong();
                reader.addNewPartitions();
            }
            reader.setPaused(openRequests.holdsTooMuch());
            for (ConsumerRecord<byte[], byte[]> record : reader.poll(POLL)) {
                if (record.topic().equals(events)) {
                    openRequests.onEvent(record);
                } else {
                    openRequests.onResult(record);
                }
            }
        } catch (WakeupException e) {
            // the client is being closed
        } catch (TopicAuthorizationException e) {
            dropUnreadable(e);
        } catch (AuthenticationException | AuthorizationException e) {
            openRequests.failAll(ClientException.of("results cannot be read", e));
            Time.system().sleep(RETRY);
        } catch (KafkaException e) {
            // such as a deleted topic; open requests end by their time
            Time.system().sleep(RETRY);
        } finally {
            openRequests.expire();
        }
    }

    /** Returns false if no broker answers a task, which is tried again. */
    private boolean runTasks() {
        for (Task task = tasks.peek(); task != null && !stopped; task = tasks.peek()) {
            try {
                task.action.run();
                tasks.remove();
                task.done.complete(null);
            } catch (RuntimeException e) {
                if (e instanceof RetriableException retriable
                        && (task.absent || !(e instanceof UnknownTopicOrPartitionException))) {
                    stalled.accept(retriable);
                    return false;
                }
                tasks.remove();
                task.done.completeExceptionally(ClientException.of(task.what + " cannot be read", e));
            }
        }
        return true;
    }

    /**
     * A principal of a reply topic need not read the results topic, and without events a stream gets its text with the
     * result.
     */
    private void dropUnreadable(TopicAuthorizationException e) {
        if (e.unauthorizedTopics().contains(results.get(0))) {
            openRequests.failAll(ClientException.of("results cannot be read", e));
            Time.system().sleep(RETRY);
        } else {
            reader.remove(e.unauthorizedTopics());
        }
    }

    private void followIfPermitted(String topic) {
        try {
            reader.addFromEnd(topic);
        } catch (TopicAuthorizationException e) {
            // errors on this topic are not seen; the requests end by their time
        }
    }
}
