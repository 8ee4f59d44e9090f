package io.tidemark.stream;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Failures of workers, engine and broker during requests, observed by an independent consumer of the topics. */
class WorkerFaultsIT {

    private static final int REQUESTS = 200;

    @Test
    @DisplayName("When one of two workers is killed, the other answers its requests, and each request has one result")
    void oneOfTwoKilled() throws Exception {
        try (EmbeddedBroker broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY);
                WorkerGroup group = new WorkerGroup(broker.bootstrapServers());
                ServedProcess first = group.serve("first", "1S").awaitReady();
                ServedProcess second = group.serve("second", "1S").awaitReady()) {
            group.produce(0, REQUESTS);
            group.awaitAnswers(30);
            first.kill();
            group.assertNothingUnansweredIsCommitted();
            group.awaitAnswers(REQUESTS);
            group.awaitAllCommitted(REQUESTS);
            group.assertEachAnsweredOnce(REQUESTS);
            assertThat(second.status("/q/health/ready")).isEqualTo(200);
        }
    }

    @Test
    @DisplayName(
            "When an error is thrown in the engine's thread, the process ends with exit code 1, no request fails, and the next worker answers the open requests")
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
                debugger.throwOutOfMemory("tidemark-engine");
                assertThat(first.awaitExit()).isEqualTo(1);
                // the error is thrown in a step or while an answer is made; each has a message of its own
                assertThat(first.log())
                        .contains("the process ends and abandons its open requests for redelivery")
                        .containsAnyOf("the engine failed", "could not be answered; the process ends")
                        .contains("java.lang.OutOfMemoryError");
            }
            group.assertNothingUnansweredIsCommitted();
            try (ServedProcess second = group.serve("second", "1S").awaitReady()) {
                group.awaitAnswers(REQUESTS);
                group.awaitAllCommitted(REQUESTS);
            }
            group.assertEachAnsweredOnce(REQUESTS);
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
            broker.close();
            assertThat(worker.status("/q/health/live")).isEqualTo(200);
            broker = EmbeddedBroker.start(new BrokerOptions(port, Optional.of(folder)));
            group.awaitAnswers(REQUESTS);
            group.awaitAllCommitted(REQUESTS);
            group.assertEachAnsweredOnce(REQUESTS);
            worker.terminate();
            assertThat(worker.awaitExit()).isIn(0, 143);
        } finally {
            broker.close();
        }
    }
}
