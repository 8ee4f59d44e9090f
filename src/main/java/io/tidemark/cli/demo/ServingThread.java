package io.tidemark.cli.demo;

import io.tidemark.cli.console.CommandException;
import io.tidemark.cli.serving.ServingProcess;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Predicate;

/** Runs worker and calibrator on a thread and observes them through their HTTP port. */
final class ServingThread implements AutoCloseable {

    private static final String BOUNDARY_GAUGE = "tidemark_boundary";
    private static final Duration POLL = Duration.ofMillis(50);

    private final CompletableFuture<Integer> ended = new CompletableFuture<>();
    private final HttpClient http = HttpClient.newHttpClient();
    private final URI address;

    private ServingThread(URI address) {
        this.address = address;
    }

    static ServingThread start(Map<String, String> settings, int httpPort) {
        ServingThread serving = new ServingThread(URI.create("http://127.0.0.1:" + httpPort));
        Thread thread = new Thread(() -> serving.run(settings), "tidemark-serving");
        thread.setDaemon(true);
        thread.start();
        return serving;
    }

    private void run(Map<String, String> settings) {
        try {
            ended.complete(new ServingProcess(settings).run());
        } catch (RuntimeException | Error e) {
            ended.completeExceptionally(e);
        }
    }

    /** @throws CommandException when the application ends or is not ready in time */
    void awaitReady(Duration timeout) {
        await(
                "/q/health/ready",
                response -> response.statusCode() == 200,
                timeout,
                "worker and calibrator were not ready");
    }

    /** Waits until the metrics of the worker show that it applies this boundary to new requests. */
    void awaitBoundary(String adapter, int boundary, Duration timeout) {
        await(
                "/q/metrics",
                response -> boundary(response.body(), adapter) == boundary,
                timeout,
                "the worker did not apply boundary " + boundary + " of '" + adapter + "'");
    }

    /**
     * Reads the gauge of an adapter's boundary from Prometheus text.
     *
     * @return -1 if the gauge is missing or NaN, which it is until the adapter is loaded
     */
    static int boundary(String metrics, String adapter) {
        Optional<String> line = metrics.lines()
                .filter(text -> text.startsWith(BOUNDARY_GAUGE + "{") && text.contains("adapter=\"" + adapter + "\""))
                .findFirst();
        return line.map(text -> Double.parseDouble(text.substring(text.lastIndexOf(' ') + 1)))
                .filter(boundary -> !boundary.isNaN())
                .map(Double::intValue)
                .orElse(-1);
    }

    private void await(String path, Predicate<HttpResponse<String>> reached, Duration timeout, String failure) {
        Instant end = Instant.now().plus(timeout);
        while (!answers(path, reached)) {
            if (endedAlready()) {
                throw new CommandException("the worker ended; its log lines above contain the reason");
            }
            if (Instant.now().isAfter(end)) {
                throw new CommandException(failure + " within " + timeout.toSeconds() + " s");
            }
        }
    }

    private boolean answers(String path, Predicate<HttpResponse<String>> reached) {
        try {
            return reached.test(http.send(
                    HttpRequest.newBuilder(address.resolve(path)).build(), HttpResponse.BodyHandlers.ofString()));
        } catch (IOException e) {
            return false; // the port is not open yet
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CommandException("interrupted", e);
        }
    }

    /** Waits a short time for the end of the application. */
    private boolean endedAlready() {
        try {
            ended.get(POLL.toMillis(), TimeUnit.MILLISECONDS);
            return true;
        } catch (TimeoutException e) {
            return false;
        } catch (ExecutionException e) {
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CommandException("interrupted", e);
        }
    }

    /** Stops the application and waits until it has ended. */
    @Override
    public void close() {
        if (!ended.isDone()) {
            ServingProcess.stop();
        }
        ended.handle((code, failure) -> code).join();
    }
}
