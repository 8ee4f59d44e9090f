package io.tidemark.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.producer.BufferExhaustedException;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Records that wait for the producer")
class RecordSenderTest {

    private static final CompletableFuture<Void> AT_ONCE = CompletableFuture.completedFuture(null);

    private final AtomicLong now = new AtomicLong();
    private final Slow producer = new Slow();
    private final Queue<String> calls = new ConcurrentLinkedQueue<>();
    private final RecordSender sender =
            new RecordSender(new Cluster("kafka:9092"), producer, Duration.ofSeconds(10), now::get);

    /** A producer without the metadata of some topics, or without a place in its buffer. */
    private static final class Slow extends MockProducer<String, byte[]> {

        private final Set<String> unknown = ConcurrentHashMap.newKeySet();
        private final AtomicInteger tries = new AtomicInteger();
        private final AtomicInteger full = new AtomicInteger();
        private final Queue<Thread> threads = new ConcurrentLinkedQueue<>();
        private volatile RuntimeException failure = new TimeoutException("not present in metadata");
        private volatile Runnable whileFull = () -> {};

        private Slow() {
            super(true, null, new StringSerializer(), new ByteArraySerializer());
        }

        @Override
        public List<PartitionInfo> partitionsFor(String topic) {
            threads.add(Thread.currentThread());
            tries.incrementAndGet();
            if (unknown.contains(topic)) {
                throw failure;
            }
            return super.partitionsFor(topic);
        }

        @Override
        public synchronized Future<RecordMetadata> send(ProducerRecord<String, byte[]> record, Callback callback) {
            threads.add(Thread.currentThread());
            if (full.getAndUpdate(left -> Math.max(0, left - 1)) > 0) {
                whileFull.run();
                BufferExhaustedException exhausted = new BufferExhaustedException("the buffer is full");
                callback.onCompletion(null, exhausted);
                return CompletableFuture.failedFuture(exhausted);
            }
            return super.send(record, callback);
        }

        private List<String> keys() {
            return history().stream().map(ProducerRecord::key).toList();
        }

        private void awaitTries(int more) {
            int before = tries.get();
            await().until(() -> tries.get() >= before + more);
        }
    }

    @BeforeEach
    void start() {
        sender.start();
    }

    @AfterEach
    void close() throws Exception {
        sender.close(Duration.ZERO);
    }

    @Test
    @DisplayName("Are passed in their order, by a thread of their own: the one that adds them never calls the producer")
    void order() {
        for (int i = 0; i < 20; i++) {
            add("requests", "r" + i);
        }
        await().until(() -> calls.size() == 20);
        assertThat(producer.keys()).startsWith("r0", "r1", "r2").endsWith("r19").hasSize(20);
        assertThat(producer.threads)
                .allSatisfy(thread -> assertThat(thread.getName()).isEqualTo("tidemark-client-sender"));
    }

    @Test
    @DisplayName("Wait while no broker answers, in their order; one that is withdrawn meanwhile is never sent")
    void withdrawn() {
        producer.unknown.add("requests");
        add("requests", "a");
        RecordSender.Ticket withdrawn = add("requests", "b");
        add("requests", "c");
        producer.awaitTries(2);
        assertThat(withdrawn.isWaiting()).isTrue();
        assertThat(withdrawn.withdraw()).isTrue();
        assertThat(withdrawn.isWaiting()).isFalse();
        producer.unknown.clear();
        await().until(() -> calls.size() == 2);
        assertThat(producer.keys()).containsExactly("a", "c");
        assertThat(withdrawn.withdraw()).isTrue();
    }

    @Test
    @DisplayName("Cannot be withdrawn once the producer has them")
    void passed() {
        RecordSender.Ticket ticket = add("requests", "a");
        await().until(() -> calls.contains("a sent"));
        assertThat(ticket.withdraw()).isFalse();
    }

    @Test
    @DisplayName("Are passed again, in their order, after the producer had no place for them")
    void fullBuffer() {
        producer.full.set(3);
        add("requests", "a");
        add("requests", "b");
        await().until(() -> calls.size() == 2);
        assertThat(producer.keys()).containsExactly("a", "b");
    }

    @Test
    @DisplayName("Are not passed again if they were given up while the producer had no place for them")
    void givenUpWhileFull() {
        AtomicInteger withdrawals = new AtomicInteger();
        CompletableFuture<RecordSender.Ticket> first = new CompletableFuture<>();
        producer.full.set(1);
        producer.whileFull = () -> withdrawals.addAndGet(first.join().withdraw() ? 1 : 10);
        first.complete(add("requests", "a"));
        add("requests", "b");
        await().until(() -> calls.size() == 2);
        assertThat(producer.keys()).containsExactly("b");
        assertThat(withdrawals).as("it may have been sent, as seen then").hasValue(10);
        assertThat(calls).anySatisfy(call -> assertThat(call).contains("a Cancelled", "withdrawn before it was sent"));
    }

    @Test
    @DisplayName("Fail when their time is over, with the address and what to do, and are not sent later")
    void expired() {
        producer.unknown.add("requests");
        add("requests", "a");
        now.addAndGet(Duration.ofSeconds(5).toNanos());
        add("requests", "b");
        producer.awaitTries(2);
        assertThat(calls).isEmpty();
        now.addAndGet(Duration.ofSeconds(6).toNanos());
        await().until(() -> !calls.isEmpty());
        assertThat(calls)
                .containsExactly("a TimedOut a was not sent within 10 s: no Kafka broker answers at kafka:9092; start"
                        + " one with 'tidemark broker', or check the address");
        producer.unknown.clear();
        await().until(() -> calls.contains("b sent"));
        assertThat(producer.keys()).containsExactly("b");
    }

    @Test
    @DisplayName("Fail after their time with the missing topic, if the broker has none")
    void missingTopic() {
        producer.failure = new TimeoutException(
                "Topic requests not present in metadata after 1000 ms.", new UnknownTopicOrPartitionException());
        producer.unknown.add("requests");
        add("requests", "a");
        producer.awaitTries(2);
        now.addAndGet(Duration.ofSeconds(11).toNanos());
        await().until(() -> !calls.isEmpty());
        assertThat(calls.element()).contains("at kafka:9092, topic 'requests' does not exist", "'tidemark serve'");
    }

    @Test
    @DisplayName("Do not wait for the records of another topic, whose metadata is missing")
    void otherTopic() {
        producer.unknown.add("cancellations");
        add("cancellations", "a");
        producer.awaitTries(1);
        add("requests", "b");
        await().until(() -> calls.contains("b sent"));
        assertThat(producer.keys()).containsExactly("b");
    }

    @Test
    @DisplayName("Fail at once without the right to write, and not with a later one")
    void noRight() {
        producer.failure = new TopicAuthorizationException(Set.of("requests"));
        producer.unknown.add("requests");
        add("requests", "a");
        await().until(() -> !calls.isEmpty());
        assertThat(calls.element()).startsWith("a AccessDenied a was not sent");
        producer.unknown.clear();
        add("requests", "b");
        await().until(() -> calls.contains("b sent"));
    }

    @Test
    @DisplayName("Wait for the stage that they come after, with those behind them, and fail with it")
    void after() {
        CompletableFuture<Void> open = new CompletableFuture<>();
        CompletableFuture<Void> failing = new CompletableFuture<>();
        add("requests", "a", open);
        add("requests", "b", failing);
        add("requests", "c");
        add("others", "d");
        await().until(() -> calls.contains("d sent"));
        assertThat(calls).hasSize(1);
        open.complete(null);
        await().until(() -> calls.contains("a sent"));
        failing.completeExceptionally(new ClientException.Failed("events cannot be read"));
        await().until(() -> calls.contains("c sent"));
        assertThat(calls).containsExactly("d sent", "a sent", "b Failed events cannot be read", "c sent");
    }

    @Test
    @DisplayName("Fail when the client is closed, and later ones at once")
    void closed() throws Exception {
        producer.unknown.add("requests");
        RecordSender.Ticket ticket = add("requests", "a");
        sender.close(Duration.ZERO);
        assertThat(calls).containsExactly("a Closed a was not sent: the client is closed");
        assertThat(ticket.withdraw()).isTrue();
        add("requests", "b");
        assertThat(calls).element(1).asString().startsWith("b Closed");
    }

    @Test
    @DisplayName("Are still passed while the client is being closed")
    void closing() throws Exception {
        add("requests", "a");
        sender.close(Duration.ofMinutes(1));
        assertThat(calls).containsExactly("a sent");
    }

    private RecordSender.Ticket add(String topic, String key) {
        return add(topic, key, AT_ONCE);
    }

    private RecordSender.Ticket add(String topic, String key, CompletableFuture<Void> after) {
        return sender.add(
                key,
                new ProducerRecord<>(topic, key, new byte[1]),
                after,
                (metadata, failure) -> calls.add(key
                        + (failure == null
                                ? " sent"
                                : " " + failure.getClass().getSimpleName() + " " + failure.getMessage())));
    }
}
