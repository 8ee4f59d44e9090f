package io.tidemark.stream;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;

/** A process of the packaged {@code tidemark serve}, configured by environment variables. */
final class ServedProcess implements AutoCloseable {

    private final Process process;
    private final Path log;
    private final int port;

    private ServedProcess(Process process, Path log, int port) {
        this.process = process;
        this.log = log;
        this.port = port;
    }

    static ServedProcess start(String brokers, Map<String, String> environment) {
        try {
            int port;
            try (ServerSocket socket = new ServerSocket(0)) {
                port = socket.getLocalPort();
            }
            Path log = Files.createTempFile("tidemark-serve", ".log");
            List<String> command = new ArrayList<>(List.of(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    // start faster, with less optimized Java code
                    "-XX:TieredStopAtLevel=1",
                    "-XX:+UseSerialGC",
                    "-jar",
                    "target/quarkus-app/quarkus-run.jar",
                    "serve"));
            ProcessBuilder builder =
                    new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile());
            builder.environment().put("KAFKA_BOOTSTRAP_SERVERS", brokers);
            builder.environment().put("TIDEMARK_MODEL_DIR", BrokerResource.MODEL);
            builder.environment().put("TIDEMARK_ADAPTER_FOLDER", BrokerResource.MODEL + "/adapters");
            builder.environment().put("TIDEMARK_ENGINE_PROCESSORS", "1");
            builder.environment().put("TIDEMARK_ENGINE_COMPUTE_TYPE", "fp32");
            builder.environment().put("QUARKUS_HTTP_PORT", Integer.toString(port));
            builder.environment().putAll(environment);
            return new ServedProcess(builder.start(), log, port);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    ServedProcess awaitReady() {
        Awaitility.await("readiness; the log is " + log)
                .atMost(Duration.ofSeconds(60))
                .pollInterval(Duration.ofMillis(200))
                .until(() -> !process.isAlive() || status("/q/health/ready") == 200);
        if (!process.isAlive()) {
            throw new AssertionError("the process has ended: " + log());
        }
        return this;
    }

    /** The body of the response at a path. */
    String body(String path) throws IOException, InterruptedException {
        return HttpClient.newHttpClient()
                .send(
                        HttpRequest.newBuilder(URI.create("http://localhost:" + port + path))
                                .build(),
                        HttpResponse.BodyHandlers.ofString())
                .body();
    }

    /** The HTTP status at a path; -1 without a response. */
    int status(String path) throws InterruptedException {
        try {
            return HttpClient.newHttpClient()
                    .send(
                            HttpRequest.newBuilder(URI.create("http://localhost:" + port + path))
                                    .build(),
                            HttpResponse.BodyHandlers.discarding())
                    .statusCode();
        } catch (IOException e) {
            return -1;
        }
    }

    /** Whether the process has loaded a native library, under any name that contains this one. */
    boolean hasLoaded(String library) {
        try {
            return Files.readString(Path.of("/proc/" + process.pid() + "/maps")).contains(library);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** {@code kill -9}. */
    void kill() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }

    /** {@code kill -TERM}. */
    void terminate() {
        process.destroy();
    }

    boolean isAlive() {
        return process.isAlive();
    }

    int awaitExit() throws InterruptedException {
        if (!process.waitFor(60, TimeUnit.SECONDS)) {
            throw new AssertionError("the process goes on: " + log());
        }
        return process.exitValue();
    }

    /** Waits until the HTTP server responds, which is before the process is ready. */
    ServedProcess awaitListening() {
        Awaitility.await("probes; the log is " + log)
                .atMost(Duration.ofSeconds(60))
                .pollInterval(Duration.ofMillis(100))
                .until(() -> !process.isAlive() || status("/q/health/live") == 200);
        return this;
    }

    /** Waits until the process reports readiness. */
    ServedProcess awaitLog(String text) {
        Awaitility.await("'" + text + "' in " + log)
                .atMost(Duration.ofSeconds(60))
                .pollInterval(Duration.ofMillis(10))
                .until(() -> !process.isAlive() || log().contains(text));
        return this;
    }

    String log() {
        try {
            return Files.readString(log);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() throws InterruptedException, IOException {
        kill();
        Files.deleteIfExists(log);
    }
}
