package io.tidemark.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.decoder.Decoder;
import io.tidemark.fixture.Folders;
import io.tidemark.fixture.LargeModel;
import io.tidemark.grammar.GrammarCompiler;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** SIGTERM during the start of a serving process, and while it loads what a request needs. */
class LoadingEndsIT {

    /** Exit code of a JVM after SIGTERM. */
    private static final int TERMINATED = 143;

    /** A line of the application's log, unlike "ERROR: transport error" of the debug agent. */
    private static final String LOGGED_ERROR = " ERROR ";

    /** The thread that runs Quarkus' shutdown. */
    private static final String SHUTDOWN_THREAD = "Shutdown thread";

    @Test
    @DisplayName("SIGTERM during the load of the model ends the process before the model is loaded, without an answer")
    void amidTheModel(@TempDir Path folder) throws Exception {
        try (Debugger debugger = Debugger.ofSuspended();
                EmbeddedBroker broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY);
                WorkerGroup group = new WorkerGroup(broker.bootstrapServers())) {
            group.produce(0, 8);
            Map<String, String> environment = new HashMap<>(debugger.environment());
            environment.put("TIDEMARK_MODEL_DIR", LargeModel.write(folder).toString());
            environment.put("TIDEMARK_ADAPTER_FOLDER", "");
            try (ServedProcess process = group.serve("loading", environment)) {
                debugger.holdAt(Decoder.class, "load");
                debugger.awaitHeld();
                process.awaitLog("loading model").terminate();
                debugger.awaitThread(SHUTDOWN_THREAD);
                debugger.close();
                assertThat(process.awaitExit()).isEqualTo(TERMINATED);
                assertThat(process.log())
                        .contains("the start was interrupted by the shutdown")
                        .doesNotContain("loaded model", LOGGED_ERROR, "consumes requests");
            }
            try (ServedProcess next = group.serve("next", "1S").awaitReady()) {
                group.awaitAnswers(8);
            }
            assertThat(group.results()).hasSize(8);
        }
    }

    @Test
    @DisplayName(
            "SIGTERM while requests wait for the load of an adapter abandons them, and the next process answers them")
    void amidAnAdapter(@TempDir Path folder) throws Exception {
        String adapters = "all=" + LargeModel.writeAdapter(folder) + ",qv=" + Folders.adapter("llama-gqa", "qv");
        try (Debugger debugger = Debugger.ofRunning();
                EmbeddedBroker broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY);
                WorkerGroup group = new WorkerGroup(broker.bootstrapServers())) {
            Map<String, String> environment = new HashMap<>(debugger.environment());
            environment.put("TIDEMARK_ADAPTER_FOLDER", "");
            environment.put("TIDEMARK_ADAPTER_LIST", adapters);
            environment.put("TIDEMARK_ENGINE_ADAPTER_BYTES", "2G");
            environment.put("TIDEMARK_WORKER_SHUTDOWN_GRACE", "0S");
            try (ServedProcess process = group.serve("loading", environment).awaitReady()) {
                // requests of the small adapter, which is in memory, are answered while those of the large one wait
                group.produce(1, 2);
                group.awaitAnswers(1);
                debugger.holdAt(Decoder.class, "loadAdapter");
                group.produce(2, 8);
                debugger.awaitHeld();
                group.awaitAnswers(2);
                process.terminate();
                debugger.awaitThread(SHUTDOWN_THREAD);
                debugger.close();
                assertThat(process.awaitExit()).isEqualTo(TERMINATED);
                assertThat(process.log()).contains("abandoned for redelivery").doesNotContain(LOGGED_ERROR);
            }
            try (ServedProcess next = group.serve("next", "1S").awaitReady()) {
                group.awaitAnswers(7);
            }
            assertThat(group.results()).noneMatch(result -> result.has("error"));
        }
    }

    @Test
    @DisplayName(
            "SIGTERM while the compiler of formats is opened ends the process without a wait for it, and the next process answers the request")
    void amidTheCompilerOfFormats() throws Exception {
        assumeThat(GrammarCompiler.isAvailable()).isTrue();
        try (Debugger debugger = Debugger.ofRunning();
                EmbeddedBroker broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY);
                WorkerGroup group = new WorkerGroup(broker.bootstrapServers())) {
            Map<String, String> environment = new HashMap<>(debugger.environment());
            environment.put("TIDEMARK_WORKER_SHUTDOWN_GRACE", "0S");
            try (ServedProcess process = group.serve("opening", environment).awaitReady()) {
                debugger.holdAt(GrammarCompiler.class, "open");
                group.produce(0, "choice", ", \"structured_outputs\": {\"choice\": [\"yes\", \"no\"]}");
                debugger.awaitHeld();
                process.terminate();
                // the opening never ends
                assertThat(process.awaitExit()).isEqualTo(TERMINATED);
                assertThat(process.log()).contains("1 open requests abandoned").doesNotContain(LOGGED_ERROR);
            }
            try (ServedProcess next = group.serve("next", "1S").awaitReady()) {
                group.awaitAnswers(1);
            }
            assertThat(group.results("choice").get(0).at("/choices/0/text").asText())
                    .isIn("yes", "no");
        }
    }

    @Test
    @DisplayName("SIGTERM while no broker responds ends the process before the timeout of one minute")
    void withoutABroker() throws Exception {
        try (ServerSocket silent = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
                ServedProcess process = ServedProcess.start("127.0.0.1:" + silent.getLocalPort(), Map.of())
                        .awaitListening()) {
            process.terminate();
            assertThat(process.awaitExit()).isEqualTo(TERMINATED);
            assertThat(process.log())
                    .contains("the start was interrupted by the shutdown")
                    .doesNotContain("did not answer within");
        }
    }
}
