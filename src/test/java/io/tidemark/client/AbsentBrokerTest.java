package io.tidemark.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.cli.serving.CommandSettings;
import io.tidemark.message.RawValidationBatch;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** In each test there is no broker until the test starts one: a call that needed it could not return before. */
@DisplayName("A client without a broker")
class AbsentBrokerTest {

    private static final Limits SHORT = Limits.DEFAULT.withTime(Duration.ofSeconds(1));

    private int port;
    private Cluster cluster;

    @TempDir
    private Path folder;

    @BeforeEach
    void freePort() throws Exception {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = socket.getLocalPort();
        }
        cluster = new Cluster(
                "127.0.0.1:" + port, Map.of("default.api.timeout.ms", "2000", "request.timeout.ms", "1000"));
    }

    @Test
    @DisplayName("Takes requests at once, and sends them in their order when a broker starts: all are answered")
    void startsLater() throws Exception {
        try (TidemarkClient client = later(Limits.DEFAULT)) {
            OpenRequest plain = client.submit(prompt("plain"));
            OpenRequest streaming = client.submit(prompt("streaming").streaming());
            OpenRequest cancelled = client.submit(prompt("cancelled"));
            OpenRequest last = client.submit(prompt("last"));
            get(cancelled.cancel());
            assertThat(client.openRequests()).isEqualTo(3);
            assertThatThrownBy(() -> get(cancelled.result()))
                    .cause()
                    .isInstanceOf(ClientException.Cancelled.class)
                    .hasMessageContaining("'" + cancelled.id() + "' was cancelled before it was sent");
            try (EmbeddedBroker broker = EmbeddedBroker.start(new BrokerOptions(port, Optional.empty()))) {
                CommandSettings.createTopics(cluster);
                try (FakeService service = FakeService.fromBeginning(cluster, Topics.DEFAULT.requests())) {
                    List<ConsumerRecord<String, byte[]>> records = service.await(3);
                    assertThat(records)
                            .extracting(FakeService::id)
                            .containsExactly(plain.id(), streaming.id(), last.id());
                    service.answer(Topics.DEFAULT.results(), records, "text");
                    for (OpenRequest each : List.of(plain, streaming, last)) {
                        assertThat(get(each.result()).text()).isEqualTo("text");
                    }
                }
                client.close(Duration.ZERO);
            }
        }
    }

    @Test
    @DisplayName(
            "Fails requests and batches when their time is over, names the address and the cure, and can be closed")
    void neverStarts() {
        try (TidemarkClient client = later(SHORT)) {
            for (GenerationRequest request : List.of(prompt("p"), prompt("p").streaming())) {
                assertThatThrownBy(() -> get(client.submit(request).result()))
                        .cause()
                        .isInstanceOf(ClientException.TimedOut.class)
                        .hasMessageContainingAll(
                                "was not sent within 1 s",
                                "no Kafka broker answers at 127.0.0.1:" + port,
                                "'tidemark broker'");
            }
            assertThatThrownBy(() -> get(client.validate(new RawValidationBatch("b", "a", List.of()))))
                    .cause()
                    .isInstanceOf(ClientException.TimedOut.class)
                    .hasMessageContainingAll("batch 'b' was not sent", "127.0.0.1:" + port, "'tidemark broker'");
        }
    }

    @Test
    @DisplayName("Refuses at once what is above its limits, or too large for a broker")
    void limits() {
        try (TidemarkClient client = later(Limits.DEFAULT)) {
            assertThatThrownBy(() ->
                            get(client.submit(prompt("x".repeat(6_000_000))).result()))
                    .hasCauseInstanceOf(ClientException.TooLarge.class);
        }
        try (TidemarkClient client = later(Limits.DEFAULT.withOpenRequests(1))) {
            OpenRequest waiting = client.submit(prompt("p"));
            assertThatThrownBy(() -> get(client.submit(prompt("p")).result()))
                    .hasCauseInstanceOf(ClientException.TooManyOpen.class);
            client.close(Duration.ZERO);
            assertThatThrownBy(() -> get(waiting.result()))
                    .cause()
                    .isInstanceOf(ClientException.Closed.class)
                    .hasMessageContaining("it was not sent");
        }
    }

    @Test
    @DisplayName("Takes validation batches at once, and sends them when a broker starts")
    void batches() throws Exception {
        BrokerOptions kept = new BrokerOptions(port, Optional.of(folder));
        try (EmbeddedBroker first = EmbeddedBroker.start(kept)) {
            CommandSettings.createTopics(cluster); // a batch fails if a topic does not exist
        }
        try (TidemarkClient client =
                KafkaTidemarkClient.builder(cluster).validationOnly().build()) {
            RawValidationBatch batch = new RawValidationBatch("b", "a", List.of());
            CompletionStage<BatchOutcome> outcome = client.validate(batch);
            try (EmbeddedBroker second = EmbeddedBroker.start(kept);
                    FakeService calibrator = FakeService.fromBeginning(cluster, Topics.DEFAULT.validationBatches());
                    Admin admin = cluster.admin()) {
                ConsumerRecord<String, byte[]> record = calibrator.await();
                TopicPartition partition = new TopicPartition(record.topic(), record.partition());
                admin.alterConsumerGroupOffsets(
                                "tidemark-calibrators", Map.of(partition, new OffsetAndMetadata(record.offset() + 1)))
                        .all()
                        .get();
                assertThat(get(outcome)).isInstanceOf(BatchOutcome.Counted.class);
            }
        }
    }

    @Test
    @DisplayName("Takes requests while a broker is away, and sends them when it is back")
    void comesBack() throws Exception {
        BrokerOptions kept = new BrokerOptions(port, Optional.of(folder));
        TidemarkClient client;
        try (EmbeddedBroker first = EmbeddedBroker.start(kept)) {
            CommandSettings.createTopics(cluster);
            client = KafkaTidemarkClient.connect(cluster.brokers());
        }
        OpenRequest plain = client.submit(prompt("plain"));
        OpenRequest streaming = client.submit(prompt("streaming").streaming());
        try (EmbeddedBroker second = EmbeddedBroker.start(kept);
                FakeService service = FakeService.fromBeginning(cluster, Topics.DEFAULT.requests())) {
            service.answer(Topics.DEFAULT.results(), service.await(2), "text");
            assertThat(get(plain.result()).text()).isEqualTo("text");
            assertThat(get(streaming.result()).text()).isEqualTo("text");
        } finally {
            client.close(Duration.ZERO);
        }
    }

    private TidemarkClient later(Limits limits) {
        return KafkaTidemarkClient.builder(cluster)
                .limits(limits)
                .connectLater()
                .build();
    }

    private static GenerationRequest prompt(String prompt) {
        return GenerationRequest.prompt("m", prompt);
    }

    private static <T> T get(CompletionStage<T> stage) throws Exception {
        return stage.toCompletableFuture().get(60, TimeUnit.SECONDS);
    }
}
