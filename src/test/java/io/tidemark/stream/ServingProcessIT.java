package io.tidemark.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.grammar.GrammarCompiler;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/** Tests that need whole processes: kill, signals, and failing starts. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ServingProcessIT {

    private static final int REQUESTS = 200;

    private EmbeddedBroker broker;
    private WorkerGroup group;

    @BeforeAll
    void startBroker() {
        broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY);
    }

    @AfterAll
    void stopBroker() {
        broker.close();
    }

    @BeforeEach
    void createTopics() {
        group = new WorkerGroup(broker.bootstrapServers());
    }

    @AfterEach
    void disconnect() throws InterruptedException {
        group.close();
    }

    @Test
    @DisplayName("After kill -9 during 200 requests the next worker answers the open ones, and each has one result")
    void killed() throws Exception {
        group.produce(0, REQUESTS / 2);
        try (ServedProcess first = group.serve("first", "1S").awaitReady()) {
            group.awaitAnswers(30);
            first.kill();
        }
        group.produce(REQUESTS / 2, REQUESTS);
        group.assertNothingUnansweredIsCommitted();
        try (ServedProcess second = group.serve("second", "1S").awaitReady()) {
            group.awaitAnswers(REQUESTS);
        }
        group.assertEachAnsweredOnce(REQUESTS);
    }

    @Test
    @DisplayName(
            "After SIGTERM a worker with enough grace finishes its open requests, and no request is answered twice")
    void terminatedWithGrace() throws Exception {
        group.produce(0, REQUESTS);
        terminateAmidRequests("30S", "worker stopped: 0 open requests abandoned");
        group.assertNothingUnansweredIsCommitted();
        try (ServedProcess second = group.serve("second", "30S").awaitReady()) {
            group.awaitAnswers(REQUESTS);
        }
        group.assertEachAnsweredOnce(REQUESTS);
    }

    @Test
    @DisplayName("After SIGTERM a worker without grace abandons its open requests, and the next worker answers them")
    void terminatedWithoutGrace() throws Exception {
        group.produce(0, REQUESTS);
        terminateAmidRequests("0S", "open requests abandoned for redelivery");
        group.assertNothingUnansweredIsCommitted();
        try (ServedProcess second = group.serve("second", "0S").awaitReady()) {
            group.awaitAnswers(REQUESTS);
        }
        group.assertEachAnsweredOnce(REQUESTS);
    }

    private void terminateAmidRequests(String grace, String log) throws Exception {
        try (ServedProcess first = group.serve("first", grace).awaitReady()) {
            group.awaitAnswers(30);
            first.terminate();
            assertThat(first.awaitExit()).isIn(0, 143);
            assertThat(first.log()).contains(log);
        }
    }

    @Test
    @DisplayName("A worker that joins the group during requests answers some of them, and the rebalance loses none")
    void joined() throws Exception {
        group.produce(0, REQUESTS);
        try (ServedProcess first = group.serve("first", "1S").awaitReady()) {
            group.awaitAnswers(10);
            try (ServedProcess second = group.serve("second", "1S").awaitReady()) {
                // a ready worker may own no partition yet: produce during the rebalance until it has answered a request
                int asked = group.produceUntilAnsweredBy("second", REQUESTS);
                group.awaitAnswers(asked);
                group.assertEachAnsweredOnce(asked);
                assertThat(group.workers()).containsExactlyInAnyOrder("first", "second");
            }
        }
    }

    @Test
    @DisplayName("A worker loads the library of formats with the first request that has one, not before")
    void loadsFormatsLazily() throws Exception {
        assumeThat(GrammarCompiler.isAvailable()).isTrue();
        try (ServedProcess worker = group.serve("worker", "1S").awaitReady()) {
            group.produce(0, 4);
            group.awaitAnswers(4);
            assertThat(worker.hasLoaded("libtidemark_grammar")).isFalse();
            group.produce(0, "choice", ", \"structured_outputs\": {\"choice\": [\"yes\", \"no\"]}");
            group.awaitAnswers(5);
            assertThat(group.results("choice").get(0).at("/choices/0/text").asText())
                    .isIn("yes", "no");
            assertThat(worker.hasLoaded("libtidemark_grammar")).isTrue();
        }
    }

    @Test
    @DisplayName(
            "A process without a broker names the address in log and health within 10 s, and starts when one comes")
    void startsBeforeItsBroker() throws Exception {
        int port;
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = free.getLocalPort();
        }
        String sentence = "no Kafka broker answers at 127.0.0.1:" + port + " (the connection is refused)";
        try (ServedProcess process = ServedProcess.start("127.0.0.1:" + port, Map.of())) {
            process.awaitLog(sentence);
            assertThat(process.body("/q/health/started")).contains(sentence);
            assertThat(process.body("/q/health/ready")).contains(sentence);
            try (EmbeddedBroker late = EmbeddedBroker.start(new BrokerOptions(port, Optional.empty()))) {
                process.awaitReady();
                assertThat(process.log())
                        .containsOnlyOnce(sentence)
                        .contains("a Kafka broker answers at 127.0.0.1:" + port + " again");
                process.terminate();
                assertThat(process.awaitExit()).isEqualTo(143);
            }
        }
    }

    @Test
    @DisplayName(
            "The log is text; a setting makes each line JSON, and that of a failed request has its id and no prompt")
    void jsonLogs() throws Exception {
        String failing = ", \"top_p\": 7, \"user\": \"secret\"";
        try (ServedProcess text = group.serve("text", "1S").awaitReady()) {
            group.produce(0, "plain", failing);
            text.awaitLog("request 'plain' failed: out_of_range (top_p)");
            assertThat(text.log()).doesNotContain("\"mdc\"");
        }
        Map<String, String> setting = Map.of("QUARKUS_LOG_CONSOLE_JSON_ENABLED", "true");
        try (ServedProcess json = group.serve("json", setting).awaitReady()) {
            group.produce(0, "structured", failing);
            json.awaitLog("request 'structured' failed: out_of_range (top_p)");
            JsonNode failed = json.log()
                    .lines()
                    .filter(line -> line.contains("'structured' failed"))
                    .map(ServingProcessIT::parse)
                    .findFirst()
                    .orElseThrow();
            assertThat(failed.at("/mdc/id").asText()).isEqualTo("structured");
            assertThat(failed.at("/mdc/tenant").asText()).endsWith("generation-requests");
            assertThat(json.log()).doesNotContain("secret");
        }
    }

    private static JsonNode parse(String line) {
        try {
            return new ObjectMapper().readTree(line);
        } catch (JsonProcessingException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    @DisplayName(
            "A setting out of range, a missing folder, a taken port and a topic with the wrong cleanup policy end the process with exit code 1, and the reason is the last line")
    void startsThatFail() throws Exception {
        try (ServedProcess slots =
                        ServedProcess.start(broker.bootstrapServers(), Map.of("TIDEMARK_ENGINE_MAX_NUM_SEQS", "1025"));
                ServedProcess model = ServedProcess.start(
                        broker.bootstrapServers(), Map.of("TIDEMARK_MODEL_DIR", "/no/such/folder"));
                ServedProcess adapters = ServedProcess.start(
                        broker.bootstrapServers(), Map.of("TIDEMARK_ADAPTER_FOLDER", "/no/such/folder"))) {
            assertFails(slots, "tidemark.engine.max-num-seqs");
            assertFails(model, "/no/such/folder");
            assertFails(adapters, "tidemark.adapter-folder (--adapters): can't list '/no/such/folder'");
            assertThat(adapters.log()).doesNotContain("Installed features");
        }
        try (ServerSocket taken = new ServerSocket(0);
                ServedProcess process = ServedProcess.start(
                        broker.bootstrapServers(), Map.of("QUARKUS_HTTP_PORT", "" + taken.getLocalPort()))) {
            assertFails(process, "the HTTP port " + taken.getLocalPort() + " is taken; choose another one with --port");
        }
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
            admin.createTopics(List.of(new NewTopic("wrong.adapter-boundaries", 1, (short) 1)))
                    .all()
                    .get();
        }
        try (ServedProcess topic =
                ServedProcess.start(broker.bootstrapServers(), Map.of("TIDEMARK_TOPICS_PREFIX", "wrong."))) {
            assertFails(topic, "topic 'wrong.adapter-boundaries' has cleanup.policy 'delete' but needs 'compact'");
        }
    }

    private static void assertFails(ServedProcess process, String reason) throws InterruptedException {
        assertThat(process.awaitExit()).isEqualTo(1);
        assertThat(process.log().lines().reduce((line, next) -> next).orElseThrow())
                .startsWith("tidemark: the start has failed: ")
                .contains(reason);
    }
}
