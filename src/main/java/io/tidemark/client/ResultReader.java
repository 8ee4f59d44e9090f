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
import java.util.function.LongSupplier;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.AuthenticationException;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.TopicAuthorizationException;

/**
 * Reads the results and events of all requests of a client with one consumer, without a consumer group: all partitions
 * of the topics, results from where they ended when the client was built, events from the first request that streams.
 *
 * <p>The constructor runs on the thread that builds the client, everything else on the client's thread
 * {@code tidemark-client}, which other threads give tasks.
 */
final class ResultReader implements Runnable {

    private static final Duration POLL = Duration.ofMillis(100);
    private static final long REFRESH_NANOS = TimeUnit.SECONDS.toNanos(60);
    private static final Duration RETRY = Duration.ofMillis(500);

    private final TopicReader<byte[]> reader;
    private final OpenRequests open;
    private final LongSupplier nanoTime;
    private final String events;

    /** Where results are; the first one is needed, others are read if the principal may. */
    private final List<String> results;

    private final Queue<Runnable> tasks = new ConcurrentLinkedQueue<>();
    private Optional<CompletableFuture<Void>> eventsFollowed = Optional.empty();
    private long refreshed;
    private volatile boolean stopped;

    /**
     * Finds the ends of the results topics.
     *
     * @throws KafkaException if a topic cannot be read
     */
    ResultReader(
            TopicReader<byte[]> reader, List<String> results, String events, OpenRequests open, LongSupplier nanoTime) {
        this.reader = reader;
        this.results = List.copyOf(results);
        this.events = events;
        this.open = open;
        this.nanoTime = nanoTime;
        reader.addFromEnd(results.get(0));
        results.subList(1, results.size()).forEach(this::followIfPermitted);
        this.refreshed = nanoTime.getAsLong();
    }

    /** Completes when events that are written from then on are read; after a failure, the next call tries again. */
    synchronized CompletableFuture<Void> followEvents() {
        if (eventsFollowed.filter(each -> !each.isCompletedExceptionally()).isEmpty()) {
            eventsFollowed = Optional.of(onThread("events", () -> reader.addFromEnd(events)));
        }
        return eventsFollowed.get();
    }

    /** Reads results again that were written since a time. */
    CompletableFuture<Void> readSince(Instant since) {
        return onThread("results since " + since, () -> reader.seekBack(results, since));
    }

    private CompletableFuture<Void> onThread(String what, Runnable task) {
        return CompletableFuture.runAsync(
                () -> {
                    try {
                        task.run();
                    } catch (RuntimeException e) {
                        throw ClientException.of(what + " cannot be read", e);
                    }
                },
                tasks::add);
    }

    /** Ends {@link #run} within a poll. */
    void stop() {
        stopped = true;
    }

    @Override
    public void run() {
        try (reader) {
            while (!stopped) {
                step();
            }
        } finally {
            open.end("the thread that reads results has ended; build a new client");
        }
    }

    private void step() {
        try {
            for (Runnable task = tasks.poll(); task != null; task = tasks.poll()) {
                task.run();
            }
            if (nanoTime.getAsLong() - refreshed > REFRESH_NANOS) {
                refreshed = nanoTime.getAsLong();
                reader.addNewPartitions();
            }
            reader.setPaused(open.holdsTooMuch());
            for (ConsumerRecord<byte[], byte[]> record : reader.poll(POLL)) {
                if (record.topic().equals(events)) {
                    open.onEvent(record);
                } else {
                    open.onResult(record);
                }
            }
        } catch (TopicAuthorizationException e) {
            dropUnreadable(e);
        } catch (AuthenticationException | AuthorizationException e) {
            open.failAll(ClientException.of("results cannot be read", e));
            Time.system().sleep(RETRY);
        } catch (KafkaException e) {
            // such as a deleted topic; open requests end by their time
            Time.system().sleep(RETRY);
        }
        open.expire();
    }

    /**
     * A principal of a reply topic need not read the results topic, and without events a stream gets its text with the
     * result.
     */
    private void dropUnreadable(TopicAuthorizationException e) {
        if (e.unauthorizedTopics().contains(results.get(0))) {
            open.failAll(ClientException.of("results cannot be read", e));
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
