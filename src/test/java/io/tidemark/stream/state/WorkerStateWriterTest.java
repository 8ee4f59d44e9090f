package io.tidemark.stream.state;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.message.TopicJson;
import io.tidemark.message.WorkerStateRecord;
import io.tidemark.message.WorkerStateRecord.Adapter;
import io.tidemark.message.WorkerStateRecord.Heartbeat;
import io.tidemark.message.WorkerStateRecord.State;
import io.tidemark.stream.topics.KafkaThread;
import io.tidemark.stream.topics.SimulatedKafka;
import io.tidemark.time.VirtualTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Writer of worker states")
class WorkerStateWriterTest {

    private static final TopicPartition TOPIC = new TopicPartition("worker-state", 0);
    private static final String OWN = "w";
    private static final String OTHER = "other";
    private static final Duration HEARTBEAT = Duration.ofSeconds(10);
    private static final Duration HOUR = Duration.ofHours(1);
    /** More records than one poll returns. */
    private static final int BACKLOG = 40;

    private final VirtualTime time = new VirtualTime();
    private final SimulatedKafka kafka = new SimulatedKafka(time, Map.of(TOPIC.topic(), 1));
    private final FaultyProducer producer = new FaultyProducer();
    private final List<Runnable> started = new ArrayList<>();
    private List<Adapter> adapters = List.of();

    /** Writes to the simulated cluster, or fails. */
    private final class FaultyProducer extends MockProducer<byte[], byte[]> {

        private Optional<RuntimeException> thrown = Optional.empty();
        private boolean lossy;

        private FaultyProducer() {
            super(true, null, new ByteArraySerializer(), new ByteArraySerializer());
        }

        @Override
        public synchronized Future<RecordMetadata> send(ProducerRecord<byte[], byte[]> record, Callback callback) {
            thrown.ifPresent(failure -> {
                throw failure;
            });
            if (lossy) {
                return super.send(
                        record, (metadata, none) -> callback.onCompletion(null, new TimeoutException("lost")));
            }
            kafka.append(TOPIC, record.key(), record.value(), time.instant());
            return super.send(record, callback);
        }
    }

    private WorkerStateWriter start() {
        return WorkerStateWriter.start(
                new KafkaThread(kafka, time, started::add),
                TOPIC.topic(),
                OWN,
                producer,
                () -> record(adapters),
                () -> new Heartbeat(time.instant(), 1, 2));
    }

    private void run(WorkerStateWriter writer, Duration duration) {
        Instant end = time.instant().plus(duration);
        while (time.instant().isBefore(end)) {
            writer.turn();
        }
    }

    private static String heartbeatOf(String worker) {
        return worker + WorkerStateRecord.HEARTBEAT_SUFFIX;
    }

    private void append(String key, Instant at) {
        kafka.append(TOPIC, key.getBytes(UTF_8), "{}".getBytes(UTF_8), at);
    }

    private void appendTombstone(String key) {
        kafka.append(TOPIC, key.getBytes(UTF_8), null, time.instant());
    }

    private Stream<ConsumerRecord<byte[], byte[]>> records(String key) {
        return kafka.records(TOPIC.topic()).stream().filter(record -> key.equals(new String(record.key(), UTF_8)));
    }

    private List<WorkerStateRecord> states() {
        return records(OWN)
                .filter(record -> record.value() != null)
                .map(record -> TopicJson.read(record.value(), WorkerStateRecord.class))
                .toList();
    }

    private boolean isRemoved(String key) {
        return records(key).reduce((first, second) -> second).orElseThrow().value() == null;
    }

    private List<Instant> heartbeats() {
        return records(heartbeatOf(OWN))
                .map(record -> TopicJson.read(record.value(), Heartbeat.class).at())
                .toList();
    }

    @Test
    @DisplayName("Writes a heartbeat every 10 s, and the state once while it does not change")
    void heartbeatsOnly() {
        run(start(), Duration.ofMinutes(5));
        List<Instant> heartbeats = heartbeats();
        assertThat(heartbeats).hasSize(30);
        for (int i = 1; i < heartbeats.size(); i++) {
            assertThat(heartbeats.get(i)).isEqualTo(heartbeats.get(i - 1).plus(HEARTBEAT));
        }
        assertThat(states()).containsExactly(record(List.of()));
    }

    @Test
    @DisplayName("Writes a change within a second, and what is in memory with the pace of heartbeats")
    void changes() {
        WorkerStateWriter writer = start();
        run(writer, Duration.ofSeconds(2));
        adapters = List.of(adapter("a", State.READY));
        run(writer, Duration.ofSeconds(1));
        assertThat(states()).last().isEqualTo(record(adapters));
        adapters = List.of(adapter("a", State.LOADED));
        run(writer, Duration.ofSeconds(5));
        assertThat(states()).hasSize(2);
        run(writer, Duration.ofSeconds(6));
        assertThat(states()).hasSize(3).last().isEqualTo(record(adapters));
    }

    @Test
    @DisplayName("Writes a state again that was not acknowledged, or that another process has removed")
    void lost() {
        WorkerStateWriter writer = start();
        producer.lossy = true;
        run(writer, Duration.ofSeconds(2));
        assertThat(states()).isEmpty();
        producer.lossy = false;
        run(writer, Duration.ofSeconds(11));
        assertThat(states()).hasSize(1);
        appendTombstone(OWN);
        appendTombstone(heartbeatOf(OWN));
        run(writer, Duration.ofSeconds(11));
        assertThat(isRemoved(OWN)).isFalse();
        assertThat(isRemoved(heartbeatOf(OWN))).isFalse();
        assertThat(states()).hasSize(2);
    }

    @Test
    @DisplayName("Writes a removed state again also if the producer throws an exception at the first attempt")
    void lostAgain() {
        WorkerStateWriter writer = start();
        run(writer, Duration.ofSeconds(2));
        appendTombstone(OWN);
        producer.thrown = Optional.of(new KafkaException("planted"));
        run(writer, Duration.ofSeconds(21));
        producer.thrown = Optional.empty();
        run(writer, Duration.ofSeconds(11));
        assertThat(isRemoved(OWN)).isFalse();
    }

    @Test
    @DisplayName("Removes both records of a process an hour after its last heartbeat, not before, and nothing else")
    void forgotten() {
        append(OTHER, time.instant().minus(HOUR.multipliedBy(9)));
        append(heartbeatOf(OTHER), time.instant());
        append("silent", time.instant());
        WorkerStateWriter writer = start();
        run(writer, HOUR.minusSeconds(10));
        assertThat(isRemoved(OTHER) || isRemoved(heartbeatOf(OTHER)) || isRemoved("silent"))
                .isFalse();
        append(heartbeatOf("silent"), time.instant());
        run(writer, Duration.ofSeconds(30));
        assertThat(isRemoved(OTHER) && isRemoved(heartbeatOf(OTHER))).isTrue();
        assertThat(isRemoved("silent")).isFalse();
        assertThat(isRemoved(OWN)).isFalse();
    }

    @Test
    @DisplayName("Does not remove the state of a live process when it starts, though it reads the heartbeat late")
    void starts() {
        append(OTHER, time.instant().minus(HOUR.multipliedBy(9)));
        append(heartbeatOf(OTHER), time.instant().minus(HOUR.multipliedBy(8)));
        append("gone", time.instant().minus(HOUR.multipliedBy(9)));
        IntStream.range(0, BACKLOG).forEach(i -> append("live-" + i, time.instant()));
        append(heartbeatOf(OTHER), time.instant());
        run(start(), Duration.ofSeconds(30));
        assertThat(isRemoved(OTHER) || isRemoved(heartbeatOf(OTHER))).isFalse();
        assertThat(isRemoved("gone")).isTrue();
    }

    @Test
    @DisplayName("Does not remove the states of live processes, nor its own one, after it was suspended for hours")
    void lags() {
        append(OTHER, time.instant());
        append(heartbeatOf(OTHER), time.instant());
        WorkerStateWriter writer = start();
        run(writer, Duration.ofSeconds(30));
        time.sleep(HOUR.multipliedBy(2));
        IntStream.range(0, BACKLOG).forEach(i -> append("live-" + i, time.instant()));
        append(heartbeatOf(OTHER), time.instant());
        run(writer, Duration.ofSeconds(30));
        assertThat(records(OTHER)).hasSize(1);
        assertThat(records(OWN)).hasSize(1);
        assertThat(records(heartbeatOf(OWN)))
                .allSatisfy(record -> assertThat(record.value()).isNotNull());
    }

    @Test
    @DisplayName("Does not remove its own state if its heartbeats can't be written for hours")
    void ownIsKept() {
        WorkerStateWriter writer = start();
        run(writer, Duration.ofSeconds(30));
        producer.lossy = true;
        run(writer, HOUR.multipliedBy(2));
        producer.lossy = false;
        run(writer, Duration.ofSeconds(30));
        assertThat(records(OWN)).hasSize(1);
    }

    @Test
    @DisplayName("Sees heartbeats behind an open transaction of another producer")
    void openTransaction() {
        append(OTHER, time.instant());
        append(heartbeatOf(OTHER), time.instant());
        kafka.openTransaction(TOPIC, 2);
        WorkerStateWriter writer = start();
        for (int i = 0; i < 8; i++) {
            run(writer, HOUR.dividedBy(4));
            append(heartbeatOf(OTHER), time.instant());
        }
        run(writer, Duration.ofSeconds(30));
        assertThat(isRemoved(OTHER)).isFalse();
    }

    @Test
    @DisplayName("Removes its records and closes its clients when it ends")
    void ends() {
        WorkerStateWriter writer = start();
        run(writer, Duration.ofSeconds(2));
        time.schedule(Duration.ofMillis(500), () -> started.remove(0).run());
        writer.close();
        assertThat(isRemoved(OWN) && isRemoved(heartbeatOf(OWN))).isTrue();
        assertThat(producer.closed()).isTrue();
        assertThat(kafka.openClients()).isZero();
    }

    @Test
    @DisplayName("A state with few names has all of them: failed ones first, then those without files, each by name")
    void order() {
        WorkerStateRecord read = encoded(List.of(
                adapter("c", State.LOADED),
                adapter("b", State.READY),
                adapter("z", State.FAILED),
                adapter("y", State.FETCHING),
                adapter("a", State.ALIAS)));
        assertThat(read.adapters().stream().map(Adapter::name)).containsExactly("z", "y", "a", "b", "c");
        assertThat(read.omitted()).isZero();
    }

    @Test
    @DisplayName(
            "A state of 5,000 names has those that fit into 64 KiB: failed ones, then those with the latest records")
    void truncated() {
        List<Adapter> all = new ArrayList<>(IntStream.range(0, 5_000)
                .mapToObj(i -> adapter("adapter-" + i, i % 100 == 0 ? State.FAILED : State.READY, i))
                .toList());
        Collections.shuffle(all);
        byte[] value = WorkerStateWriter.encoded(record(all));
        WorkerStateRecord read = TopicJson.read(value, WorkerStateRecord.class);
        assertThat(read.adapters().size() + read.omitted()).isEqualTo(5_000);
        List<Adapter> failed = read.adapters().subList(0, 50);
        assertThat(failed).allSatisfy(each -> assertThat(each.state()).isEqualTo(State.FAILED));
        assertThat(read.adapters().get(50).name()).isEqualTo("adapter-4999");
        assertThat(read.adapters().subList(50, read.adapters().size()))
                .isSortedAccordingTo((first, second) -> Long.compare(
                        second.offset().orElseThrow(), first.offset().orElseThrow()));
    }

    @Test
    @DisplayName("A state that is too large has as many names as there is space for, also if the first ones are long")
    void filled() {
        List<Adapter> all = new ArrayList<>();
        IntStream.range(0, 100).forEach(i -> all.add(adapter("x".repeat(250) + i, State.FAILED)));
        IntStream.range(0, 5_000).forEach(i -> all.add(adapter("a" + i, State.READY)));
        byte[] value = WorkerStateWriter.encoded(record(all));
        assertThat(value.length).isBetween(WorkerStateRecord.MAX_BYTES - 200, WorkerStateRecord.MAX_BYTES);
    }

    private static WorkerStateRecord encoded(List<Adapter> adapters) {
        return TopicJson.read(WorkerStateWriter.encoded(record(adapters)), WorkerStateRecord.class);
    }

    private static WorkerStateRecord record(List<Adapter> adapters) {
        return new WorkerStateRecord(
                OWN,
                "worker",
                "1",
                new WorkerStateRecord.Base("base", "0".repeat(64), 512, 6, "fp32", "torch"),
                Instant.EPOCH,
                7,
                adapters,
                0);
    }

    private static Adapter adapter(String name, State state) {
        return adapter(name, state, 3);
    }

    private static Adapter adapter(String name, State state, long offset) {
        return new Adapter(
                name,
                state,
                Optional.of("1".repeat(64)),
                OptionalLong.of(offset),
                Optional.empty(),
                OptionalInt.of(6),
                state == State.FAILED ? Optional.of("wrong_digest") : Optional.empty(),
                Optional.empty());
    }
}
