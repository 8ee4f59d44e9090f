package io.tidemark.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.tidemark.time.Time;
import io.tidemark.topic.TopicReader;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The reader of results")
class ResultReaderTest {

    private static final TopicPartition RESULTS = new TopicPartition(Topics.DEFAULT.results(), 0);
    private static final TopicPartition EVENTS = new TopicPartition(Topics.DEFAULT.events(), 0);

    private final AtomicLong now = new AtomicLong();
    private final MockConsumer<byte[], byte[]> consumer = new MockConsumer<>("none");
    private final OpenRequests open = new OpenRequests(Limits.DEFAULT, now::get);
    private final List<KafkaException> stalled = new CopyOnWriteArrayList<>();
    private final ResultReader reader = reader();
    private final Thread thread = new Thread(reader, "tidemark-client");

    private ResultReader reader() {
        for (TopicPartition each : List.of(RESULTS, EVENTS, new TopicPartition(Topics.DEFAULT.requests(), 0))) {
            consumer.updatePartitions(
                    each.topic(), List.of(new PartitionInfo(each.topic(), each.partition(), null, null, null)));
        }
        consumer.updateEndOffsets(Map.of(RESULTS, 7L));
        ResultReader opened = new ResultReader(
                new TopicReader<>(consumer, Time.system(), Duration.ZERO),
                Topics.DEFAULT,
                List.of(RESULTS.topic()),
                open,
                now::get,
                stalled::add);
        opened.open();
        return opened;
    }

    @AfterEach
    void stop() throws Exception {
        reader.stop();
        thread.join();
    }

    @Test
    @DisplayName("Follows the events at the next request if it failed once, and reads none from their beginning")
    void followsAgain() throws Exception {
        thread.start();
        // the consumer does not know the end
        assertThatThrownBy(() -> reader.followEvents().get(30, TimeUnit.SECONDS))
                .cause()
                .isInstanceOf(ClientException.class)
                .hasMessageContaining("events cannot be read");
        assertThat(consumer.assignment()).containsExactly(RESULTS);
        consumer.updateEndOffsets(Map.of(RESULTS, 7L, EVENTS, 9L));
        reader.followEvents().get(30, TimeUnit.SECONDS);
        assertThat(consumer.assignment()).containsExactlyInAnyOrder(RESULTS, EVENTS);
        assertThat(consumer.position(EVENTS)).isEqualTo(9);
        assertThat(consumer.position(RESULTS)).isEqualTo(7);
    }

    @Test
    @DisplayName("That ends by an error fails the open requests, and no later request is accepted")
    void dies() throws Exception {
        OpenRequest request =
                new OpenRequest("a", ByteBuffer.allocate(16), true, Runnable::run, new AtomicLong(), each -> null);
        open.attach(List.of(request), Map.of());
        consumer.schedulePollTask(() -> {
            throw new IllegalStateException("a mistake");
        });
        thread.setUncaughtExceptionHandler((ended, failure) -> {});
        thread.start();
        await().until(() -> open.size() == 0);
        assertThatThrownBy(() -> request.result().toCompletableFuture().join())
                .cause()
                .hasMessageContaining("build a new client");
        assertThat(open.attach(List.of(request), Map.of()))
                .get()
                .asString()
                .contains("not attached", "build a new client");
    }
}
