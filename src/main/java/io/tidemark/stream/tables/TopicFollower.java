package io.tidemark.stream.tables;

import io.tidemark.stream.topics.KafkaConnection;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.jboss.logging.Logger;

/**
 * Passes the records of all partitions of a topic to a sink, without a consumer group: to the end of the topic on the
 * thread of the caller, then on the thread {@code tidemark-follow-TOPIC}. After an error, the thread tries again every
 * second. It compares its positions with the ends of the topic every two seconds, to see records that it can't read,
 * such as those behind an open transaction.
 */
public final class TopicFollower implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(TopicFollower.class);
    private static final Duration POLL = Duration.ofMillis(100);
    private static final long RETRY_NANOS = TimeUnit.SECONDS.toNanos(1);
    private static final long MAX_WATCH_NANOS = TimeUnit.SECONDS.toNanos(2);
    private static final int ENDS_TIMEOUT_MS = 5_000;

    /**
     * @param load      maximum time to read a topic to its end at the start
     * @param staleness how long records of the topic may be missing before {@link #disruption} says so
     */
    public record Limits(Duration load, Duration staleness) {}

    private final String topic;
    private final IsolationLevel isolation;
    private final List<TopicPartition> partitions;
    private final KafkaConsumer<byte[], byte[]> consumer;
    private final Admin admin;
    private final Consumer<ConsumerRecord<byte[], byte[]>> sink;
    private final TableWatch watch;
    private final long watchNanos;
    private final AtomicReference<String> disruption = new AtomicReference<>();
    private final Thread thread;
    private volatile boolean running = true;

    /** Fetched by the admin client in the background; used by the thread only. */
    private Optional<CompletableFuture<TableWatch.Ends>> fetchedEnds = Optional.empty();

    private long watchedAt;

    /** @param reader has read the topic to its end; closed with the follower */
    private TopicFollower(
            KafkaConnection kafka,
            TableReader reader,
            Duration staleness,
            Consumer<ConsumerRecord<byte[], byte[]>> sink) {
        this.topic = reader.topic();
        this.isolation = reader.isolation();
        this.partitions = reader.partitions();
        this.consumer = reader.consumer();
        this.sink = sink;
        this.admin = kafka.newAdmin();
        long now = System.nanoTime();
        this.watch = new TableWatch(topic, staleness, now);
        this.watchNanos = Math.min(MAX_WATCH_NANOS, staleness.toNanos() / 4);
        this.watchedAt = now - watchNanos;
        this.thread = new Thread(this::follow, "tidemark-follow-" + topic);
        thread.setDaemon(true);
        thread.start();
    }

    /**
     * Reads the committed records of a table to its end on the calling thread, then follows it.
     *
     * @param sink  called by one thread at a time
     * @throws TableReadException if the end is not reached within {@link Limits#load}
     */
    public static TopicFollower ofTable(
            KafkaConnection kafka, String topic, Limits limits, Consumer<ConsumerRecord<byte[], byte[]>> sink) {
        return follow(kafka, new TableReader(kafka, topic), limits, sink);
    }

    /**
     * Reads the records of a topic since a moment to its end on the calling thread, then follows it. Also passes records
     * of open and of aborted transactions.
     *
     * @param sink  called by one thread at a time
     * @throws TableReadException if the end is not reached within {@link Limits#load}
     */
    public static TopicFollower since(
            KafkaConnection kafka,
            String topic,
            Instant since,
            Limits limits,
            Consumer<ConsumerRecord<byte[], byte[]>> sink) {
        return follow(kafka, TableReader.since(kafka, topic, since, limits.load()), limits, sink);
    }

    private static TopicFollower follow(
            KafkaConnection kafka, TableReader reader, Limits limits, Consumer<ConsumerRecord<byte[], byte[]>> sink) {
        try {
            reader.readToEnd(sink, limits.load());
            return new TopicFollower(kafka, reader, limits.staleness(), sink);
        } catch (RuntimeException e) {
            reader.close();
            throw e;
        }
    }

    /** The followed topic. */
    public String topic() {
        return topic;
    }

    /**
     * The number of offsets between the last record that was passed and the end of the topic, including records of open
     * transactions and transaction markers. NaN until the end is fetched for the first time.
     */
    public double lag() {
        return watch.lag();
    }

    /** Why records are or may be missing at the moment, for a health check. */
    public Optional<String> disruption() {
        return Optional.ofNullable(disruption.get()).or(() -> watch.trouble(System.nanoTime()));
    }

    /** False after the thread has ended. From then on, no records are passed. */
    public boolean isAlive() {
        return thread.isAlive();
    }

    private void follow() {
        while (running) {
            try {
                consumer.poll(POLL).forEach(sink);
                watch();
                disruption.set(null);
            } catch (WakeupException e) {
                // from close(); the loop ends
            } catch (RuntimeException e) {
                // also errors of the sink: one record must not stop the thread
                LOG.warnf(
                        e instanceof KafkaException ? null : e,
                        "reading topic '%s' failed and is retried: %s",
                        topic,
                        KafkaConnection.reason(e));
                disruption.set("topic '" + topic + "' can't be read: " + KafkaConnection.reason(e));
                LockSupport.parkNanos(RETRY_NANOS);
            }
        }
        admin.close(Duration.ofSeconds(1));
        consumer.close(CloseOptions.timeout(Duration.ofSeconds(1)));
    }

    private void watch() {
        long now = System.nanoTime();
        if (fetchedEnds.isEmpty() && now - watchedAt >= watchNanos) {
            watchedAt = now;
            fetchedEnds = Optional.of(fetchEnds(now));
        }
        fetchedEnds.filter(CompletableFuture::isDone).ifPresent(ends -> {
            fetchedEnds = Optional.empty();
            try {
                watch.onEnds(ends.join());
            } catch (CompletionException e) {
                watch.onFailure(KafkaConnection.reason(e.getCause()));
            }
        });
        watch.onPositions(TableReader.positions(consumer, partitions));
    }

    private CompletableFuture<TableWatch.Ends> fetchEnds(long now) {
        CompletableFuture<Map<TopicPartition, Long>> lastStable = ends(isolation);
        return ends(IsolationLevel.READ_UNCOMMITTED)
                .thenCombine(lastStable, (highWatermark, stable) -> new TableWatch.Ends(now, highWatermark, stable));
    }

    private CompletableFuture<Map<TopicPartition, Long>> ends(IsolationLevel level) {
        return TableReader.ends(admin, partitions, new ListOffsetsOptions(level).timeoutMs(ENDS_TIMEOUT_MS))
                .toCompletionStage()
                .toCompletableFuture();
    }

    /** Waits at most 5 s for the thread to end. */
    @Override
    public void close() {
        running = false;
        consumer.wakeup();
        try {
            thread.join(TimeUnit.SECONDS.toMillis(5));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
