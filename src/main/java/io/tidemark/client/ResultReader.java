package io.tidemark.client;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
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
    private static final long RETRY_MILLIS = 500;

    private final Consumer<byte[], byte[]> consumer;
    private final OpenRequests open;
    private final LongSupplier nanoTime;
    private final String events;

    /** Where results are; the first one is needed, others are read if the principal may. */
    private final List<String> results;

    private final Set<String> readable = new HashSet<>();
    private final Queue<Runnable> tasks = new ConcurrentLinkedQueue<>();
    private Optional<CompletableFuture<Void>> eventsFollowed = Optional.empty();
    private long refreshed;
    private volatile boolean stopped;

    /**
     * Finds the ends of the results topics.
     *
     * @throws ClientException if a topic cannot be read
     */
    ResultReader(
            Consumer<byte[], byte[]> consumer,
            List<String> results,
            String events,
            OpenRequests open,
            LongSupplier nanoTime) {
        this.consumer = consumer;
        this.results = List.copyOf(results);
        this.events = events;
        this.open = open;
        this.nanoTime = nanoTime;
        follow(results.get(0));
        results.subList(1, results.size()).forEach(this::followIfPermitted);
        this.refreshed = nanoTime.getAsLong();
    }

    /** Completes when events that are written from then on are read; after a failure, the next call tries again. */
    synchronized CompletableFuture<Void> followEvents() {
        if (eventsFollowed.filter(each -> !each.isCompletedExceptionally()).isEmpty()) {
            CompletableFuture<Void> followed = new CompletableFuture<>();
            eventsFollowed = Optional.of(followed);
            tasks.add(() -> {
                try {
                    follow(events);
                    followed.complete(null);
                } catch (RuntimeException e) {
                    followed.completeExceptionally(ClientException.of("events cannot be read", e));
                }
            });
        }
        return eventsFollowed.get();
    }

    /** Reads results again that were written since a time. */
    CompletableFuture<Void> readSince(Instant since) {
        CompletableFuture<Void> done = new CompletableFuture<>();
        tasks.add(() -> {
            try {
                seekBack(since);
                done.complete(null);
            } catch (RuntimeException e) {
                done.completeExceptionally(ClientException.of("results since " + since + " cannot be read", e));
            }
        });
        return done;
    }

    /** Ends {@link #run} within a poll. */
    void stop() {
        stopped = true;
    }

    @Override
    public void run() {
        try (consumer) {
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
                addPartitions();
            }
            if (open.holdsTooMuch()) {
                consumer.pause(consumer.assignment());
            } else if (!consumer.paused().isEmpty()) {
                consumer.resume(consumer.paused());
            }
            for (ConsumerRecord<byte[], byte[]> record : consumer.poll(POLL)) {
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
            pause();
        } catch (KafkaException e) {
            // such as a deleted topic; open requests end by their time
            pause();
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
            pause();
        } else {
            readable.removeAll(e.unauthorizedTopics());
            Set<TopicPartition> left = new HashSet<>(consumer.assignment());
            left.removeIf(partition -> e.unauthorizedTopics().contains(partition.topic()));
            consumer.assign(left);
        }
    }

    /** @throws ClientException if the topic does not exist */
    List<TopicPartition> requirePartitions(String topic) {
        List<TopicPartition> partitions = partitions(topic);
        if (partitions.isEmpty()) {
            throw new ClientException.Failed(
                    "topic '" + topic + "' does not exist; 'tidemark serve' and 'tidemark broker' create the topics");
        }
        return partitions;
    }

    private void follow(String topic) {
        List<TopicPartition> partitions = requirePartitions(topic);
        try {
            assignToo(partitions);
            consumer.seekToEnd(partitions);
            partitions.forEach(consumer::position);
            readable.add(topic);
        } catch (RuntimeException e) {
            // partitions without a position would be read from their beginning
            Set<TopicPartition> left = new HashSet<>(consumer.assignment());
            left.removeAll(partitions);
            consumer.assign(left);
            throw e;
        }
    }

    private void followIfPermitted(String topic) {
        try {
            follow(topic);
        } catch (TopicAuthorizationException e) {
            // errors on this topic are not seen; the requests end by their time
        }
    }

    /** Reads partitions that were added to the topics, from their beginning. */
    private void addPartitions() {
        for (String topic : readable) {
            List<TopicPartition> added = new ArrayList<>(partitions(topic));
            added.removeAll(consumer.assignment());
            if (!added.isEmpty()) {
                assignToo(added);
                consumer.seekToBeginning(added);
            }
        }
    }

    private void seekBack(Instant since) {
        Map<TopicPartition, Long> times = new HashMap<>();
        for (TopicPartition partition : consumer.assignment()) {
            if (results.contains(partition.topic())) {
                times.put(partition, since.toEpochMilli());
            }
        }
        Map<TopicPartition, OffsetAndTimestamp> found = consumer.offsetsForTimes(times);
        found.forEach((partition, offset) -> {
            if (offset != null && offset.offset() < consumer.position(partition)) {
                consumer.seek(partition, offset.offset());
            }
        });
    }

    private List<TopicPartition> partitions(String topic) {
        List<PartitionInfo> infos =
                Optional.ofNullable(consumer.partitionsFor(topic)).orElse(List.of());
        return infos.stream()
                .map(info -> new TopicPartition(topic, info.partition()))
                .toList();
    }

    private void assignToo(Collection<TopicPartition> partitions) {
        Set<TopicPartition> all = new HashSet<>(consumer.assignment());
        all.addAll(partitions);
        consumer.assign(all);
    }

    private static void pause() {
        try {
            TimeUnit.MILLISECONDS.sleep(RETRY_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
