package io.tidemark.stream.state;

import io.tidemark.message.TopicJson;
import io.tidemark.message.WorkerStateRecord;
import io.tidemark.message.WorkerStateRecord.Adapter;
import io.tidemark.message.WorkerStateRecord.Heartbeat;
import io.tidemark.message.WorkerStateRecord.State;
import io.tidemark.stream.topics.KafkaConnection;
import io.tidemark.stream.topics.KafkaThread;
import io.tidemark.stream.topics.TurnLoop;
import io.tidemark.text.LogText;
import io.tidemark.time.Time;
import io.tidemark.topic.TopicReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.WakeupException;
import org.jboss.logging.Logger;

/**
 * Writes what this process has to the topic {@code worker-state}: a record when it changes, and a heartbeat every ten
 * seconds. Removes the records of other processes without a heartbeat for an hour, and those of this process when it
 * ends.
 *
 * <p>Runs on its own thread. A cluster that does not answer delays the records and nothing else: a failure is logged,
 * and the state is written again later, as it is if another process has removed it while this one was suspended.
 */
public final class WorkerStateWriter extends TurnLoop {

    private static final Logger LOG = Logger.getLogger(WorkerStateWriter.class);

    private static final Duration TURN = Duration.ofSeconds(1);
    private static final Duration HEARTBEAT = Duration.ofSeconds(10);
    /** How long after its last heartbeat the records of a process are removed. */
    private static final Duration FORGOTTEN = Duration.ofHours(1);

    /** Maximum time of a read to the end of the topic: heartbeats wait for it. */
    private static final Duration READ_TIMEOUT = Duration.ofSeconds(10);

    private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(5);

    /** The order in which names are listed: of equal rank, those with the latest records first. */
    private static final Comparator<Adapter> ORDER = Comparator.comparing((Adapter adapter) -> rank(adapter))
            .thenComparingLong(adapter -> -adapter.offset().orElse(-1))
            .thenComparing(Adapter::name);

    private final String topic;
    private final String worker;
    private final Time time;
    private final Supplier<WorkerStateRecord> state;
    private final Supplier<Heartbeat> heartbeat;
    private final Producer<byte[], byte[]> producer;
    private final TopicReader<byte[]> reader;

    /** When the last record of each key was written, milliseconds since 1970. */
    private final Map<String, Long> written = new HashMap<>();

    private Optional<WorkerStateRecord> last = Optional.empty();
    private long lastNanos;
    /** Whether the state was not written after all. Set by the thread of the producer, too. */
    private volatile boolean lost;

    private Optional<Long> heartbeatNanos = Optional.empty();

    private WorkerStateWriter(
            KafkaThread thread,
            String topic,
            String worker,
            Producer<byte[], byte[]> producer,
            Supplier<WorkerStateRecord> state,
            Supplier<Heartbeat> heartbeat) {
        super("the writer of topic '" + topic + "'", CLOSE_TIMEOUT, thread.time());
        this.topic = topic;
        this.worker = worker;
        this.time = thread.time();
        this.state = state;
        this.heartbeat = heartbeat;
        this.producer = producer;
        // an open transaction of another producer must not hide heartbeats, which are in none
        this.reader = thread.newTopicReader(topic, IsolationLevel.READ_UNCOMMITTED, 1);
        this.reader.addFromBeginning(topic);
    }

    /**
     * Starts the writer.
     *
     * @param producer  closed by the writer
     * @param worker    the name of this process
     * @param state     what this process has; its adapters may be in any order, and too many
     * @param heartbeat the load of the moment
     */
    public static WorkerStateWriter start(
            KafkaThread thread,
            String topic,
            String worker,
            Producer<byte[], byte[]> producer,
            Supplier<WorkerStateRecord> state,
            Supplier<Heartbeat> heartbeat) {
        WorkerStateWriter writer = new WorkerStateWriter(thread, topic, worker, producer, state, heartbeat);
        thread.thread().execute(writer);
        return writer;
    }

    @Override
    protected void turn() {
        try {
            reader.poll(TURN).forEach(this::read);
            writeState();
            beat();
        } catch (WakeupException e) {
            // from close(); the loop ends
        } catch (KafkaException e) {
            LOG.warnf("the topic '%s' is read and written again later: %s", topic, KafkaConnection.reason(e));
            time.sleep(HEARTBEAT);
        } catch (RuntimeException e) {
            LOG.errorf(e, "the state of this process could not be written");
            time.sleep(HEARTBEAT);
        }
    }

    private void read(ConsumerRecord<byte[], byte[]> record) {
        if (record.key() == null) {
            return;
        }
        String key = new String(record.key(), StandardCharsets.UTF_8);
        if (record.value() == null) {
            written.remove(key);
            if (key.equals(worker)) {
                lost = true;
            }
        } else {
            written.put(key, record.timestamp());
        }
    }

    private void writeState() {
        WorkerStateRecord current = state.get();
        boolean due = time.nanosSince(lastNanos) >= HEARTBEAT.toNanos();
        if (last.isEmpty()
                || lost && due
                || !current.equals(last.get())
                        && (due || !withoutMemory(current).equals(withoutMemory(last.get())))) {
            lost = false;
            // written again if this attempt throws an exception
            last = Optional.empty();
            send(worker, Optional.of(encoded(current)));
            last = Optional.of(current);
            lastNanos = time.nanoTime();
        }
    }

    /** The state without what changes with each eviction: that is written with the pace of heartbeats. */
    private static WorkerStateRecord withoutMemory(WorkerStateRecord record) {
        List<Adapter> adapters = record.adapters().stream()
                .map(adapter -> adapter.state() == State.LOADED ? adapter.in(State.READY) : adapter)
                .toList();
        return with(record, adapters, record.omitted());
    }

    private void beat() {
        if (heartbeatNanos
                .filter(nanos -> time.nanosSince(nanos) < HEARTBEAT.toNanos())
                .isPresent()) {
            return;
        }
        heartbeatNanos = Optional.of(time.nanoTime());
        send(worker + WorkerStateRecord.HEARTBEAT_SUFFIX, Optional.of(TopicJson.write(heartbeat.get())));
        removeForgotten();
    }

    /**
     * Removes both records of each process whose last one is older than an hour. First reads the topic to its end: at
     * the start and after a suspension of this process, later heartbeats may be among the records that were not read.
     */
    private void removeForgotten() {
        if (forgotten().isEmpty()) {
            return;
        }
        try {
            reader.readToEnd(this::read, READ_TIMEOUT);
        } catch (TimeoutException e) {
            LOG.debugf("nothing is removed: %s", KafkaConnection.reason(e));
            return;
        }
        // a key stays in the map until its tombstone is read
        for (String key : forgotten()) {
            LOG.infof("the record '%s' is removed: its process has had no heartbeat for an hour", LogText.of(key));
            send(key, Optional.empty());
        }
    }

    /** The keys of the other processes whose last record, as far as the topic was read, is older than an hour. */
    private List<String> forgotten() {
        long oldest = time.instant().minus(FORGOTTEN).toEpochMilli();
        Map<String, Long> latest = new HashMap<>();
        written.forEach((key, timestamp) -> latest.merge(process(key), timestamp, Math::max));
        latest.remove(worker);
        return written.keySet().stream()
                .filter(key -> latest.getOrDefault(process(key), Long.MAX_VALUE) < oldest)
                .sorted()
                .toList();
    }

    private static String process(String key) {
        return key.endsWith(WorkerStateRecord.HEARTBEAT_SUFFIX)
                ? key.substring(0, key.length() - WorkerStateRecord.HEARTBEAT_SUFFIX.length())
                : key;
    }

    private void send(String key, Optional<byte[]> value) {
        producer.send(
                new ProducerRecord<>(topic, key.getBytes(StandardCharsets.UTF_8), value.orElse(null)),
                (metadata, failure) -> {
                    if (failure != null) {
                        if (key.equals(worker)) {
                            lost = true;
                        }
                        LOG.warnf("a record of topic '%s' was not written: %s", topic, KafkaConnection.reason(failure));
                    }
                });
    }

    /** The value of a record: with as many names as it has space for. */
    static byte[] encoded(WorkerStateRecord record) {
        List<Adapter> sorted = record.adapters().stream().sorted(ORDER).toList();
        long bytes = TopicJson.write(with(record, List.of(), sorted.size())).length;
        int listed = 0;
        while (listed < sorted.size()) {
            // with the comma
            bytes += TopicJson.write(sorted.get(listed)).length + 1;
            if (bytes > WorkerStateRecord.MAX_BYTES) {
                break;
            }
            listed++;
        }
        return TopicJson.write(with(record, sorted.subList(0, listed), sorted.size() - listed));
    }

    private static int rank(Adapter adapter) {
        return switch (adapter.state()) {
            case FAILED -> 0;
            case FETCHING, WAITING -> 1;
            default -> adapter.reason().isPresent() || adapter.next().isPresent() ? 0 : 2;
        };
    }

    private static WorkerStateRecord with(WorkerStateRecord record, List<Adapter> adapters, int omitted) {
        return new WorkerStateRecord(
                record.worker(),
                record.role(),
                record.version(),
                record.base(),
                record.startedAt(),
                record.adaptersOffset(),
                adapters,
                omitted);
    }

    @Override
    public void stop() {
        super.stop();
        reader.wakeup();
    }

    @Override
    protected void end() {
        try {
            send(worker, Optional.empty());
            send(worker + WorkerStateRecord.HEARTBEAT_SUFFIX, Optional.empty());
        } catch (KafkaException e) {
            LOG.debug("the state of this process stays until it is forgotten", e);
        } finally {
            producer.close(Duration.ofSeconds(2));
            reader.close();
        }
    }
}
