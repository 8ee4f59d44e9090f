package io.tidemark.cli.demo;

import io.tidemark.cli.CommandFailed;
import io.tidemark.cli.ServingProcess;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Predicate;

/** The serving application on a thread of its own, seen from outside through its HTTP port. */
final class ServingThread implements AutoCloseable {

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

    /** @throws CommandFailed when the application ends, or isn't ready in time */
    void awaitReady(Duration most) {
        await(
                "/q/health/ready",
                response -> response.statusCode() == 200,
                most,
                "worker and calibrator were not ready");
    }

    /** Waits until the worker's own metrics say that it applies this boundary to new requests. */
    void awaitBoundary(String adapter, int boundary, Duration most) {
        await(
                "/q/metrics",
                response -> BoundaryGauge.of(response.body(), adapter) == boundary,
                most,
                "the worker did not take boundary " + boundary + " of '" + adapter + "'");
    }

    private void await(String path, Predicate<HttpResponse<String>> reached, Duration most, String otherwise) {
        Instant end = Instant.now().plus(most);
        while (!answers(path, reached)) {
            if (endedAlready()) {
                throw new CommandFailed("the serving application ended; its log lines above say why");
            }
            if (Instant.now().isAfter(end)) {
                throw new CommandFailed(otherwise + " within " + most.toSeconds() + " s");
            }
        }
    }

    private boolean answers(String path, Predicate<HttpResponse<String>> reached) {
        try {
            return reached.test(http.send(
                    HttpRequest.newBuilder(address.resolve(path)).build(), HttpResponse.BodyHandlers.ofString()));
        } catch (IOException e) {
            return false; // not listening yet
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CommandFailed("interrupted", e);
        }
    }

    /** Waits a moment for the application's end. */
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
            throw new CommandFailed("interrupted", e);
        }
    }

    /** Stops the application and waits for its end. */
    @Override
    public void close() {
        if (!ended.isDone()) {
            ServingProcess.stop();
        }
        ended.handle((code, failure) -> code).join();
    }
}
