package io.tidemark.cli.demo;

import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.cli.serving.ServingProcess;
import io.tidemark.client.Cluster;
import io.tidemark.stream.settings.TidemarkSettings.Role;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;

/** Starts broker, worker and calibrator, runs the client, and stops everything. */
final class DemoRun {

    private static final Duration START_TIMEOUT = Duration.ofSeconds(120);

    /** The log categories that warn while the broker starts and stops; only their errors are printed. */
    private static final List<String> NOISY_LOGGERS =
            List.of("org.apache.kafka", "kafka", "io.smallrye.reactive.messaging");

    private final DemoFolder folder;
    private final DemoView view;
    private final int brokerPort;
    private final boolean verbose;

    /** @param verbose whether to log at INFO and not only WARN */
    DemoRun(DemoFolder folder, DemoView view, int brokerPort, boolean verbose) {
        this.folder = folder;
        this.view = view;
        this.brokerPort = brokerPort;
        this.verbose = verbose;
    }

    /**
     * @param keep         whether to keep running at the end
     * @param interruption ends the client and {@code keep}
     */
    void run(boolean keep, Interruption interruption) throws InterruptedException {
        Instant start = Instant.now();
        view.starting(folder);
        try (EmbeddedBroker broker = EmbeddedBroker.start(new BrokerOptions(brokerPort, Optional.empty()));
                ServingThread serving = serve(broker)) {
            interruption.during(() -> {
                serving.awaitReady(START_TIMEOUT);
                Cluster cluster = new Cluster(broker.bootstrapServers());
                List<String> topics = cluster.topicNames();
                view.ready(
                        cluster.brokers(),
                        topics,
                        Duration.between(start, Instant.now()).toMillis() / 1000.0);
                view.finished(new DemoSession(folder, view, cluster, serving).run(topics));
                if (keep) {
                    keep(cluster.brokers());
                }
            });
        }
    }

    private void keep(String broker) throws InterruptedException {
        String adapter = folder.adapters().get(0).name();
        view.keeping(
                broker, adapter, folder.requests(adapter).get(0).path("prompt").asText());
        new CountDownLatch(1).await();
    }

    private ServingThread serve(EmbeddedBroker broker) {
        int httpPort = freePort();
        Map<String, String> settings = new ServingProcess.Options(
                        Optional.of(Role.ALL),
                        Optional.of(folder.model()),
                        Optional.empty(),
                        folder.adapters(),
                        Optional.empty(),
                        Optional.empty(),
                        Optional.empty(),
                        Optional.of(httpPort))
                .settings(Optional.of(broker.bootstrapServers()));
        settings.put("quarkus.http.host", "127.0.0.1");
        settings.put("quarkus.log.level", verbose ? "INFO" : "WARN");
        NOISY_LOGGERS.forEach(category -> settings.put("quarkus.log.category.\"" + category + "\".level", "ERROR"));
        settings.put("quarkus.log.console.stderr", "true");
        settings.put("quarkus.banner.enabled", "false");
        settings.put("tidemark.sources.fetch", "arrival");
        settings.put(
                "tidemark.sources.file-root", folder.firstAdapter().getParent().toString());
        settings.put("tidemark.worker.shutdown-grace", "2S");
        settings.put("tidemark.calibrator.group", DemoSession.CALIBRATORS);
        settings.put("tidemark.calibrator.decision-interval", "0S");
        return ServingThread.start(settings, httpPort);
    }

    private static int freePort() {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        } catch (IOException e) {
            throw new UncheckedIOException("no free port", e);
        }
    }
}
