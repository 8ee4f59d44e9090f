package io.tidemark.client;

import io.tidemark.message.TopicJson;
import io.tidemark.message.WorkerStateRecord;
import io.tidemark.message.WorkerStateRecord.Heartbeat;
import io.tidemark.time.Time;
import io.tidemark.topic.TopicReader;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.function.Predicate;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.KafkaException;

/** Reads from the compacted topic {@code worker-state} which processes run, and what each of them has. */
public final class WorkerStates {

    /** How long after its last heartbeat a worker is gone. */
    public static final Duration GONE_AFTER = Duration.ofSeconds(60);

    private static final Duration POLL = Duration.ofMillis(200);

    private final Cluster cluster;
    private final String topic;
    private final Time time;

    public WorkerStates(Cluster cluster, Topics topics) {
        this(cluster, topics, Time.system());
    }

    /** @param time is compared with the timestamps of the records */
    public WorkerStates(Cluster cluster, Topics topics, Time time) {
        this.cluster = cluster;
        this.topic = topics.workerState();
        this.time = time;
    }

    /**
     * A process.
     *
     * @param state     what it wrote last; empty if it wrote nothing or its record can't be read
     * @param heartbeat its last heartbeat
     * @param seen      the timestamp of the last heartbeat, or of the state if there is no heartbeat
     * @param live      whether it was seen within the last 60 s
     */
    public record Worker(
            String name, Optional<WorkerStateRecord> state, Optional<Heartbeat> heartbeat, Instant seen, boolean live) {

        /** The base model of a live process. */
        public Optional<WorkerStateRecord.Base> liveBase() {
            return state.filter(written -> live).map(WorkerStateRecord::base);
        }
    }

    /**
     * Returns all processes that the topic has, sorted by name, those that are gone included.
     *
     * @throws ClientException if the topic cannot be read
     */
    public List<Worker> read() {
        return await(workers -> true, Duration.ZERO);
    }

    /**
     * Reads the topic until the processes satisfy a condition.
     *
     * @param limit maximum time after the first read to the end of the topic
     * @return the processes that satisfied the condition, or those at the limit
     * @throws ClientException if the topic cannot be read
     */
    public List<Worker> await(Predicate<List<Worker>> condition, Duration limit) {
        Table table = new Table();
        try (TopicReader<String> reader = cluster.reader()) {
            reader.addFromBeginning(topic);
            cluster.readToEnd(reader, table::apply, Cluster.READ_PAUSE);
            long start = time.nanoTime();
            List<Worker> workers = table.workers(time.instant());
            while (!condition.test(workers) && time.nanosSince(start) < limit.toNanos()) {
                reader.poll(POLL).forEach(table::apply);
                workers = table.workers(time.instant());
            }
            return workers;
        } catch (KafkaException e) {
            throw ClientException.of("topic '" + topic + "' cannot be read at " + cluster.brokers(), e);
        }
    }

    /** The last values of all keys. */
    private static final class Table {

        private final Map<String, Written<WorkerStateRecord>> states = new HashMap<>();
        private final Map<String, Written<Heartbeat>> heartbeats = new HashMap<>();

        /** @param value empty if it can't be read */
        private record Written<T>(Optional<T> value, Instant at) {}

        private void apply(ConsumerRecord<String, byte[]> record) {
            String key = record.key();
            if (key == null) {
                return;
            }
            if (key.endsWith(WorkerStateRecord.HEARTBEAT_SUFFIX)) {
                String name = key.substring(0, key.length() - WorkerStateRecord.HEARTBEAT_SUFFIX.length());
                put(heartbeats, name, record, Heartbeat.class);
            } else {
                put(states, key, record, WorkerStateRecord.class);
            }
        }

        private static <T> void put(
                Map<String, Written<T>> values, String name, ConsumerRecord<String, byte[]> record, Class<T> type) {
            if (record.value() == null) {
                values.remove(name);
            } else {
                values.put(name, new Written<>(parse(record.value(), type), Instant.ofEpochMilli(record.timestamp())));
            }
        }

        private static <T> Optional<T> parse(byte[] value, Class<T> type) {
            try {
                return Optional.of(TopicJson.read(value, type));
            } catch (IllegalArgumentException e) {
                return Optional.empty();
            }
        }

        private List<Worker> workers(Instant now) {
            SortedSet<String> names = new TreeSet<>(states.keySet());
            names.addAll(heartbeats.keySet());
            return names.stream().map(name -> worker(name, now)).toList();
        }

        private Worker worker(String name, Instant now) {
            Optional<Written<WorkerStateRecord>> state = Optional.ofNullable(states.get(name));
            Optional<Written<Heartbeat>> heartbeat = Optional.ofNullable(heartbeats.get(name));
            Instant seen =
                    heartbeat.map(Written::at).or(() -> state.map(Written::at)).orElseThrow();
            return new Worker(
                    name,
                    state.flatMap(Written::value),
                    heartbeat.flatMap(Written::value),
                    seen,
                    seen.plus(GONE_AFTER).isAfter(now));
        }
    }
}
