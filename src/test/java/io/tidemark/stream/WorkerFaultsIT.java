package io.tidemark.stream;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Failures of workers, engine and broker during requests, observed by an independent consumer of the topics. */
class WorkerFaultsIT {

    private static final int REQUESTS = 200;

    @Test
    @DisplayName(
            "When one of two workers is killed, the other answers its requests, and each request has one result of the highest attempt")
    void oneOfTwoKilled() throws Exception {
        try (EmbeddedBroker broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY);
                WorkerGroup group = new WorkerGroup(broker.bootstrapServers());
                ServedProcess first =
                        group.serve("first", WorkerGroup.SHORT_SESSION).awaitReady();
                ServedProcess second =
                        group.serve("second", WorkerGroup.SHORT_SESSION).awaitReady()) {
            group.produce(0, REQUESTS);
            group.awaitAnswers(30);
            first.kill();
            Set<String> readAgain = group.uncommitted(REQUESTS);
            group.assertNothingUnansweredIsCommitted();
            group.awaitAnswers(REQUESTS);
            group.awaitAllCommitted(REQUESTS);
            assertEachAnsweredOnce(group, readAgain);
            assertThat(second.status("/q/health/ready")).isEqualTo(200);
        }
    }

    @Test
    @DisplayName(
            "When an error ends the thread of the engine, the process ends with exit code 1, no request fails, and the next worker answers the open requests")
    void engineDies() throws Exception {
        try (Debugger debugger = Debugger.ofRunning();
                EmbeddedBroker broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY);
                WorkerGroup group = new WorkerGroup(broker.bootstrapServers())) {
            group.produce(0, REQUESTS / 2);
            try (ServedProcess first =
                    group.serve("first", debugger.environment()).awaitReady()) {
                group.awaitAnswers(30);
                // new requests keep the engine's thread running until it is stopped
                group.produce(REQUESTS / 2, REQUESTS);
                debugger.throwOutOfMemory("tidemark-engine-0");
                assertThat(first.awaitExit()).isEqualTo(1);
                assertThat(first.log()).contains("an engine instance failed", " abandoned for redelivery");
            }
            Set<String> readAgain = group.uncommitted(REQUESTS);
            group.assertNothingUnansweredIsCommitted();
            try (ServedProcess second = group.serve("second", "1S").awaitReady()) {
                group.awaitAnswers(REQUESTS);
                group.awaitAllCommitted(REQUESTS);
            }
            assertEachAnsweredOnce(group, readAgain);
        }
    }

    @Test
    @DisplayName("When the broker restarts during requests, the worker stays alive, and each request is answered")
    void brokerComesBack(@TempDir Path folder) throws Exception {
        EmbeddedBroker broker = EmbeddedBroker.start(new BrokerOptions(0, Optional.of(folder)));
        int port = broker.port();
        try (WorkerGroup group = new WorkerGroup(broker.bootstrapServers());
                ServedProcess worker = group.serve("only", "1S").awaitReady()) {
            group.produce(0, REQUESTS);
            group.awaitAnswers(30);
            Set<String> readAgain = group.uncommitted(REQUESTS);
            broker.close();
            assertThat(worker.status("/q/health/live")).isEqualTo(200);
            broker = EmbeddedBroker.start(new BrokerOptions(port, Optional.of(folder)));
            group.awaitAnswers(REQUESTS);
            group.awaitAllCommitted(REQUESTS);
            assertEachAnsweredOnce(group, readAgain);
            worker.terminate();
            assertThat(worker.awaitExit()).isIn(0, 143);
        } finally {
            broker.close();
        }
    }

    /**
     * Of several results with one id, that of the highest attempt is valid. Only uncommitted requests may have several.
     */
    private static void assertEachAnsweredOnce(WorkerGroup group, Set<String> readAgain) {
        assertThat(group.answered()).hasSize(REQUESTS);
        for (String id : group.answered()) {
            List<JsonNode> results = group.results(id);
            assertThat(results).extracting(WorkerFaultsIT::attempt).as(id).doesNotHaveDuplicates();
            JsonNode last = results.stream()
                    .max(Comparator.comparing(WorkerFaultsIT::attempt))
                    .orElseThrow();
            assertThat(last.has("error")).as("%s: %s", id, last).isFalse();
            assertThat(last.path("choices")).hasSize(1);
            if (results.size() > 1) {
                assertThat(readAgain).contains(id);
            }
        }
        assertThat(group.deadLetters()).isZero();
    }

    private static long attempt(JsonNode result) {
        return result.path("tidemark").path("attempt").asLong();
    }
}
