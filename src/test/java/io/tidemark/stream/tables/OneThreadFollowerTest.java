package io.tidemark.stream.tables;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.stream.LogCapture;
import io.tidemark.stream.topics.KafkaThread;
import io.tidemark.stream.topics.SimulatedKafka;
import io.tidemark.time.VirtualTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A follower on one thread, with virtual time and a cluster in memory,")
class OneThreadFollowerTest {

    private static final TopicPartition FIRST = new TopicPartition("followed", 0);
    private static final TopicPartition SECOND = new TopicPartition("followed", 1);
    private static final TopicFollower.Limits LIMITS =
            new TopicFollower.Limits(Duration.ofSeconds(10), Duration.ofSeconds(30));

    private final VirtualTime time = new VirtualTime();
    private final SimulatedKafka kafka = new SimulatedKafka(time, Map.of("followed", 2));
    private final List<Runnable> started = new ArrayList<>();
    private final List<String> values = new ArrayList<>();

    private TopicFollower start(Consumer<ConsumerRecord<byte[], byte[]>> sink) {
        return TopicFollower.ofTable(new KafkaThread(kafka, time, started::add), "followed", LIMITS, sink);
    }

    private void collect(ConsumerRecord<byte[], byte[]> record) {
        values.add(new String(record.value(), UTF_8));
    }

    private TopicFollower since(Consumer<ConsumerRecord<byte[], byte[]>> sink) {
        return TopicFollower.since(
                new KafkaThread(kafka, time, started::add), "followed", 1 << 20, time.instant(), LIMITS, sink);
    }

    private void collectSlowly(ConsumerRecord<byte[], byte[]> record) {
        collect(record);
        time.sleep(Duration.ofSeconds(2));
    }

    private void append(TopicPartition partition, String value) {
        kafka.append(partition, "key".getBytes(UTF_8), value.getBytes(UTF_8));
    }

    @Test
    @DisplayName("has all records when it starts, passes new ones, and ends its one task when it is closed")
    void follows() {
        append(FIRST, "a");
        append(SECOND, "b");
        TopicFollower follower = start(this::collect);
        assertThat(values).containsExactlyInAnyOrder("a", "b");
        append(SECOND, "c");
        follower.turn();
        assertThat(values).last().isEqualTo("c");
        assertThat(follower.lag()).isZero();

        time.schedule(Duration.ofMillis(500), () -> started.remove(0).run());
        follower.close();
        assertThat(follower.isAlive()).isFalse();
        assertThat(started).isEmpty();
        assertThat(kafka.openClients()).isZero();
        assertThat(follower.failure().toCompletableFuture()).isNotDone();
    }

    @Test
    @DisplayName("reports a failed poll, and polls again one second later")
    void failedPoll() {
        TopicFollower follower = start(this::collect);
        kafka.consumers().get(0).setPollException(new TimeoutException("no broker"));
        Instant before = time.instant();
        follower.turn();
        assertThat(follower.disruption()).get().asString().contains("topic 'followed' can't be read: no broker");
        assertThat(time.instant()).isEqualTo(before.plusSeconds(1));
        append(FIRST, "a");
        follower.turn();
        assertThat(values).containsExactly("a");
        assertThat(follower.disruption()).isEmpty();
    }

    @Test
    @DisplayName("passes the rest of a poll behind a record at which its sink throws, and logs where the record is")
    void failingSink() {
        TopicFollower follower = start(record -> {
            collect(record);
            if (record.offset() == 0) {
                throw new IllegalStateException("text of the record");
            }
        });
        append(FIRST, "a");
        append(FIRST, "b");
        append(SECOND, "c");
        append(SECOND, "d");
        Instant before = time.instant();
        List<String> logged = LogCapture.of(TopicFollower.class, follower::turn);
        assertThat(values).containsExactlyInAnyOrder("a", "b", "c", "d");
        assertThat(time.instant()).as("without a pause").isEqualTo(before);
        assertThat(follower.disruption()).isEmpty();
        assertThat(logged)
                .hasSize(2)
                .allSatisfy(line ->
                        assertThat(line).contains("IllegalStateException").doesNotContain("text"))
                .anySatisfy(line -> assertThat(line).contains("followed-0@0"))
                .anySatisfy(line -> assertThat(line).contains("followed-1@0"));
    }

    @Test
    @DisplayName("starts although its sink throws an exception at a record that was there before")
    void failingSinkAtTheStart() {
        append(FIRST, "a");
        append(FIRST, "b");
        start(record -> {
            collect(record);
            if (record.offset() == 0) {
                throw new IllegalStateException("for this test");
            }
        });
        assertThat(values).containsExactly("a", "b");
    }

    @Test
    @DisplayName("of a topic since a moment starts with a part of a backlog that is longer than the time to read it")
    void longBacklog() {
        for (int i = 0; i < 40; i++) {
            append(FIRST, "a" + i);
        }
        List<String> logged = LogCapture.of(TopicFollower.class, () -> {
            TopicFollower follower = since(this::collectSlowly);
            assertThat(values).hasSize(16);
            assertThat(follower.disruption())
                    .get()
                    .asString()
                    .contains("topic 'followed' has not been read to its end for 32 s");
            follower.turn();
            assertThat(follower.disruption())
                    .get()
                    .asString()
                    .contains("partition 0 of 'followed' is read up to offset 32 of 40");
            follower.turn();
            follower.turn();
            assertThat(values).hasSize(40).doesNotHaveDuplicates();
            assertThat(follower.disruption()).isEmpty();
        });
        assertThat(logged).singleElement().asString().contains("24 offsets of all partitions are left");
    }

    @Test
    @DisplayName("of a topic since a moment does not start while no records arrive, and one of a table never behind")
    void noProgress() {
        append(FIRST, "a");
        append(SECOND, "b");
        kafka.loseLeader(SECOND);
        assertThatThrownBy(() -> since(this::collect))
                .isInstanceOf(TimeoutException.class)
                .hasMessageContaining("'followed' was not read to its end within 10000 ms");
        for (int i = 0; i < 40; i++) {
            append(FIRST, "c" + i);
        }
        assertThatThrownBy(() -> start(this::collectSlowly)).isInstanceOf(TimeoutException.class);
        assertThat(started).isEmpty();
        assertThat(kafka.openClients()).isZero();
    }

    @Test
    @DisplayName("says that its table is stale when it has not run for longer than the permitted staleness")
    void stale() {
        TopicFollower follower = start(this::collect);
        follower.turn();
        time.sleep(Duration.ofSeconds(31));
        assertThat(follower.disruption()).get().asString().contains("has not been read to its end for 31 s");
        follower.turn();
        assertThat(follower.disruption()).isEmpty();
    }

    @Test
    @DisplayName("is not stale at transactions that overlap without end, if each ends in time")
    void overlappingTransactions() {
        TopicFollower follower = start(this::collect);
        for (int second = 1; second < 100; second++) {
            // each transaction is open for 5 s, and the next ones begin before it ends
            append(FIRST, "a");
            kafka.openTransaction(FIRST, Math.max(0, second - 5));
            time.sleep(Duration.ofSeconds(1));
            follower.turn();
            assertThat(follower.disruption()).isEmpty();
        }
        assertThat(follower.lag()).isPositive();
        time.sleep(Duration.ofSeconds(31));
        assertThat(follower.disruption())
                .get()
                .asString()
                .contains("is read up to offset 94 of", "held back by an open transaction");
    }

    @Test
    @DisplayName("ends at an Error of its sink, closes its clients, and reports the Error")
    void error() {
        Error error = new OutOfMemoryError("for this test");
        TopicFollower follower = start(record -> {
            throw error;
        });
        append(FIRST, "a");
        follower.run();
        assertThat(follower.isAlive()).isFalse();
        assertThat(follower.failure().toCompletableFuture()).isCompletedWithValue(error);
        assertThat(kafka.openClients()).isZero();
    }
}
