package io.tidemark.stream;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.decoder.sampling.TokenCounts;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** A step of the engine that does not end, in worker process after worker process. */
class WorkerHangsIT {

    @Test
    @DisplayName(
            "A request whose step hangs ends four workers with exit code 1, then gets the error worker_crashed; all others are answered")
    void stepHangs() throws Exception {
        try (EmbeddedBroker broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY);
                WorkerGroup group = new WorkerGroup(broker.bootstrapServers())) {
            group.produce(0, 20);
            // only requests with a penalty count their tokens, on the thread of the engine
            group.produce(1, "hanging", ", \"repetition_penalty\": 1.1");
            group.produce(20, 40);
            int deaths = 0;
            while (group.results("hanging").isEmpty()) {
                assertThat(deaths).as("deaths").isLessThan(5);
                try (Debugger debugger = Debugger.ofSuspended();
                        ServedProcess worker = group.serve("w" + deaths, withShortLimits(debugger))) {
                    debugger.holdAt(TokenCounts.class, "add");
                    Awaitility.await("a step that hangs, or the error; " + worker.log())
                            .atMost(Duration.ofSeconds(90))
                            .until(() -> debugger.isHeld()
                                    || !group.results("hanging").isEmpty());
                    if (group.results("hanging").isEmpty()) {
                        deaths++;
                        assertThat(worker.awaitExit()).isEqualTo(1);
                        assertThat(worker.log())
                                .containsPattern("a step of the engine has not ended within 5 s")
                                .contains("the requests are: ", "'hanging' at ");
                    } else {
                        group.awaitAnswers(41);
                    }
                }
            }
            assertThat(deaths).isEqualTo(4);
            assertThat(group.results("hanging"))
                    .singleElement()
                    .satisfies(result ->
                            assertThat(result.at("/error/code").asText()).isEqualTo("worker_crashed"));
            assertThat(group.results()).hasSize(41);
            assertThat(group.results())
                    .filteredOn(result -> !result.path("id").asText().equals("hanging"))
                    .allMatch(result -> result.path("choices").size() == 1);
            assertThat(group.deadLetters()).isEqualTo(1);
        }
    }

    private static Map<String, String> withShortLimits(Debugger debugger) {
        Map<String, String> environment = new HashMap<>(debugger.environment());
        environment.put("TIDEMARK_ENGINE_STEP_LIMIT", "5S");
        environment.put("TIDEMARK_WORKER_SHUTDOWN_GRACE", "1S");
        return environment;
    }
}
