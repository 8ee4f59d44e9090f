package io.tidemark.stream.tables;

import io.tidemark.stream.settings.TidemarkSettings.TopicSettings;
import io.tidemark.stream.topics.KafkaConnection;
import io.tidemark.stream.topics.KafkaThread;
import io.tidemark.stream.topics.TurnLoop;
import io.tidemark.time.Time;
import io.tidemark.topic.TopicReader;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.WakeupException;
import org.jboss.logging.Logger;

/**
 * Passes the records of all partitions of a topic to a sink, without a consumer group: to the end of the topic on the
 * thread of the caller, then on the thread that it is given. A record at which the sink throws an exception is logged
 * and has no effect; the records behind it are passed. After an exception of the consumer, it tries again every second.
 * It compares its positions with the ends of the topic every two seconds, to see records that it can't read, such as
 * those behind an open transaction.
 */
public final class TopicFollower extends TurnLoop {

    private static final Logger LOG = Logger.getLogger(TopicFollower.class);
    private static final Duration POLL = Duration.ofMillis(100);
    private static final Duration RETRY = Duration.ofSeconds(1);
    private static final Duration MAX_WATCH = Duration.ofSeconds(2);
    private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(5);
    private static final Duration ENDS_TIMEOUT = Duration.ofSeconds(5);

    /** How long ago a record was passed if records still arrive. */
    private static final Duration ARRIVING = Duration.ofSeconds(5);

    /**
     * @param load      maximum time to read a topic to its end at the start
     * @param staleness how long records of the topic may be missing before {@link #disruption} says so
     */
    public record Limits(Duration load, Duration staleness) {}

    private final Time time;
    private final String topic;
    private final Consumer<ConsumerRecord<byte[], byte[]>> sink;
    private final Admin admin;
    private final TopicReader<byte[]> reader;
    private final Duration staleness;
    private final long watchNanos;

    /** Why the last poll failed. */
    private volatile Optional<String> unreadable = Optional.empty();

    /** The latest moment as of which all records were passed. */
    private volatile long completeAt;

    /** Why no later moment is known. */
    private volatile Optional<String> behind = Optional.empty();

    private volatile double lag = Double.NaN;

    /** The fields from here are used by the thread only: ends that the admin client fetches in the background. */
    private Optional<CompletableFuture<Map<TopicPartition, Long>>> fetching = Optional.empty();

    /** When the last fetch was started. */
    private long watchedAt;

    /** Why the last fetch has failed. */
    private Optional<String> unfetched = Optional.empty();

    /** The ends that were fetched last. */
    private Optional<Ends> newest = Optional.empty();

    /** The ends to pass before {@link #completeAt} is set. */
    private Optional<Ends> next = Optional.empty();

    /** The offsets behind the last records of all partitions, which were fetched after a moment. */
    private record Ends(long takenAt, Map<TopicPartition, Long> offsets) {

        private boolean passedAt(Map<TopicPartition, Long> positions) {
            return TopicReader.firstBehind(offsets, positions).isEmpty();
        }
    }

    /** Reads the topic to its end. It is a table unless it begins at a moment. */
    private TopicFollower(
            KafkaThread thread,
            String topic,
            int maxBytes,
            Optional<Instant> since,
            Limits limits,
            Consumer<ConsumerRecord<byte[], byte[]>> sink) {
        super("the follower of topic '" + topic + "'", CLOSE_TIMEOUT, thread.time());
        this.time = thread.time();
        this.topic = topic;
        this.sink = sink;
        this.admin = thread.kafka().newAdmin();
        this.reader = thread.newTopicReader(
                topic, since.isPresent() ? IsolationLevel.READ_UNCOMMITTED : IsolationLevel.READ_COMMITTED, maxBytes);
        try {
            this.completeAt = load(since, limits.load());
        } catch (RuntimeException e) {
            end();
            throw e;
        }
        this.staleness = limits.staleness();
        this.watchNanos = Math.min(MAX_WATCH.toNanos(), staleness.toNanos() / 4);
        this.watchedAt = time.nanoTime() - watchNanos;
    }

    private TopicFollower startOn(Executor thread) {
        thread.execute(this);
        return this;
    }

    /**
     * Reads the committed records of a table to its end on the calling thread, then follows it. A value above {@link
     * TopicSettings#MAX_RECORD_BYTES} is cut, so that it is invalid.
     *
     * @param thread runs the follower until it is closed
     * @param sink   called by one thread at a time
     * @throws TimeoutException if the end is not reached within {@link Limits#load}
     */
    public static TopicFollower ofTable(
            KafkaThread thread, String topic, Limits limits, Consumer<ConsumerRecord<byte[], byte[]>> sink) {
        return new TopicFollower(thread, topic, TopicSettings.MAX_RECORD_BYTES, Optional.empty(), limits, sink)
                .startOn(thread.thread());
    }

    /**
     * Reads the records of a topic since a moment to its end on the calling thread, then follows it. Also passes
     * records of open and of aborted transactions. If the end is not reached within {@link Limits#load} and records
     * still arrive, the rest is passed by the follower, and {@link #disruption} names it until then: whoever may write
     * to the topic must not keep a process from starting.
     *
     * @param thread   runs the follower until it is closed
     * @param maxBytes most bytes of a value that is read completely; a longer value is cut, and
     *                 {@code serializedValueSize} of the record has its size
     * @param sink     called by one thread at a time
     * @throws TimeoutException if the end is not reached within {@link Limits#load} and no records arrive any more
     */
    public static TopicFollower since(
            KafkaThread thread,
            String topic,
            int maxBytes,
            Instant since,
            Limits limits,
            Consumer<ConsumerRecord<byte[], byte[]>> sink) {
        return new TopicFollower(thread, topic, maxBytes, Optional.of(since), limits, sink).startOn(thread.thread());
    }

    /** Reads the topic to its end. Returns when it had all records: now, or the start if the end is not reached. */
    private long load(Optional<Instant> since, Duration limit) {
        since.ifPresentOrElse(moment -> reader.addSince(topic, moment), () -> reader.addFromBeginning(topic));
        long start = time.nanoTime();
        AtomicLong passedAt = new AtomicLong(start - ARRIVING.toNanos());
        try {
            reader.readToEnd(
                    record -> {
                        pass(record);
                        passedAt.set(time.nanoTime());
                    },
                    limit);
            return time.nanoTime();
        } catch (TimeoutException e) {
            if (since.isEmpty() || time.nanosSince(passedAt.get()) >= ARRIVING.toNanos()) {
                throw e;
            }
            LOG.warnf("%s; they are read from now on beside the work of the process", e.getMessage());
            return start;
        }
    }

    /** Passes a record. An exception of the sink costs this record only: a poll returns its records once. */
    private void pass(ConsumerRecord<byte[], byte[]> record) {
        try {
            sink.accept(record);
        } catch (RuntimeException e) {
            // without the message: it may contain text of the record
            LOG.errorf(
                    "the record at %s-%d@%d has no effect: %s at %s",
                    record.topic(),
                    record.partition(),
                    record.offset(),
                    e.getClass().getName(),
                    Stream.of(e.getStackTrace())
                            .findFirst()
                            .map(Object::toString)
                            .orElse("an unknown place"));
        }
    }

    /** The name of the thread that follows a topic. */
    public static String threadName(String topic) {
        return "tidemark-follow-" + topic;
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
        return lag;
    }

    /** Why records are or may be missing at the moment, for a health check. */
    public Optional<String> disruption() {
        return unreadable.or(this::stale);
    }

    private Optional<String> stale() {
        long nanos = time.nanosSince(completeAt);
        return nanos <= staleness.toNanos()
                ? Optional.empty()
                : Optional.of("topic '" + topic + "' has not been read to its end for "
                        + TimeUnit.NANOSECONDS.toSeconds(nanos) + " s: "
                        + behind.orElse("its end offsets have not been fetched since"));
    }

    @Override
    protected void end() {
        admin.close(Duration.ZERO); // its calls only read
        reader.close();
    }

    /** Polls once and passes the records. After an exception of the consumer, waits a second. */
    @Override
    protected void turn() {
        try {
            reader.poll(POLL).forEach(this::pass);
            watch();
            unreadable = Optional.empty();
        } catch (WakeupException e) {
            // from close(); the loop ends
        } catch (RuntimeException e) {
            LOG.warnf(
                    e instanceof KafkaException ? null : e,
                    "reading topic '%s' failed and is retried: %s",
                    topic,
                    KafkaConnection.reason(e));
            unreadable = Optional.of("topic '" + topic + "' can't be read: " + KafkaConnection.reason(e));
            time.sleep(RETRY);
        }
    }

    /**
     * Compares the positions with the ends. All records as of a moment were passed if the positions have passed the
     * ends of then. With overlapping transactions they may never reach the newest ends, so the ends of one moment are
     * kept until they are passed.
     */
    private void watch() {
        fetchEnds();
        Map<TopicPartition, Long> positions = reader.positions();
        if (newest.filter(ends -> ends.passedAt(positions)).isPresent()) {
            completeAt = newest.get().takenAt;
            next = Optional.empty();
        } else if (next.filter(ends -> ends.passedAt(positions)).isPresent()) {
            completeAt = next.get().takenAt;
            next = newest;
        }
        lag = newest.map(ends -> (double) TopicReader.unread(ends.offsets, positions))
                .orElse(Double.NaN);
        behind = unfetched.or(() -> next.flatMap(ends -> TopicReader.firstBehind(ends.offsets, positions))
                .map(partition ->
                        reader.progress(partition, newest.orElseThrow().offsets.get(partition))));
    }

    private void fetchEnds() {
        long now = time.nanoTime();
        if (fetching.isEmpty() && now - watchedAt >= watchNanos) {
            watchedAt = now;
            fetching = Optional.of(reader.highWatermarks(admin, ENDS_TIMEOUT));
        }
        if (fetching.filter(CompletableFuture::isDone).isPresent()) {
            try {
                newest = Optional.of(new Ends(watchedAt, fetching.get().join()));
                next = next.or(() -> newest);
                unfetched = Optional.empty();
            } catch (CompletionException e) {
                unfetched = Optional.of("its end offsets can't be fetched: " + KafkaConnection.reason(e.getCause()));
            }
            fetching = Optional.empty();
        }
    }

    /** Ends {@link #run}, also while it waits for records. */
    @Override
    public void stop() {
        super.stop();
        reader.wakeup();
    }
}
