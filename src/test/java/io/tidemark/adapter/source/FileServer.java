package io.tidemark.adapter.source;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A server of files with ETags, ranges and preconditions, as the hub, its content network, S3 and registries answer. A
 * path may have an answer of its own. Requests are recorded.
 */
public final class FileServer implements AutoCloseable {

    /** A request; headers in lower case. */
    public record Received(String method, String path, Map<String, String> headers) {

        public Optional<String> header(String name) {
            return Optional.ofNullable(headers.get(name));
        }
    }

    private final HttpServer server;
    private final ExecutorService threads = Executors.newCachedThreadPool(task -> {
        Thread thread = new Thread(task, "file-server");
        thread.setDaemon(true);
        return thread;
    });
    private final Map<String, byte[]> files = new ConcurrentHashMap<>();
    private final Map<String, HttpHandler> answers = new ConcurrentHashMap<>();
    private final List<Received> received = new CopyOnWriteArrayList<>();

    public FileServer() {
        try {
            server = HttpServer.create(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), 0), 0);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        server.createContext("/", this::handle);
        server.setExecutor(threads);
        server.start();
    }

    /** The address under a name of this machine: 127.0.0.1 or localhost, which are two hosts. */
    public String address(String host) {
        return "http://" + host + ":" + port();
    }

    int port() {
        return server.getAddress().getPort();
    }

    public FileServer put(String path, byte[] content) {
        files.put(path, content);
        return this;
    }

    public FileServer remove(String path) {
        files.remove(path);
        return this;
    }

    /** Puts both files of an adapter into a folder. */
    FileServer put(String folder, AdapterBytes adapter) {
        return put(folder + "/" + AdapterFiles.CONFIG, adapter.config())
                .put(folder + "/" + AdapterFiles.WEIGHTS, adapter.weights());
    }

    FileServer answer(String path, HttpHandler answer) {
        answers.put(path, answer);
        return this;
    }

    List<Received> received() {
        return received;
    }

    /** The requests for a path that ends so. */
    public List<Received> received(String end) {
        return received.stream().filter(request -> request.path().endsWith(end)).toList();
    }

    /** The usual answer, with ranges. */
    void file(HttpExchange exchange) throws IOException {
        byte[] content = files.get(exchange.getRequestURI().getPath());
        if (content == null) {
            status(404).handle(exchange);
            return;
        }
        String tag = tag(content);
        exchange.getResponseHeaders().set("ETag", tag);
        Optional<String> match =
                Optional.ofNullable(exchange.getRequestHeaders().getFirst("If-Match"));
        if (match.isPresent() && !match.get().equals(tag)) {
            status(412).handle(exchange);
            return;
        }
        Optional<String> range =
                Optional.ofNullable(exchange.getRequestHeaders().getFirst("Range"));
        String condition = Optional.ofNullable(exchange.getRequestHeaders().getFirst("If-Range"))
                .orElse(tag);
        int offset = 0;
        if (range.isPresent() && condition.equals(tag)) {
            offset = Integer.parseInt(range.get().replaceAll("bytes=([0-9]+)-[0-9]*", "$1"));
            if (offset >= content.length) {
                status(416).handle(exchange);
                return;
            }
            exchange.getResponseHeaders()
                    .set("Content-Range", "bytes " + offset + "-" + (content.length - 1) + "/" + content.length);
        }
        boolean head = exchange.getRequestMethod().equals("HEAD");
        exchange.sendResponseHeaders(
                exchange.getResponseHeaders().containsKey("Content-Range") ? 206 : 200,
                head ? -1 : content.length - offset);
        if (!head) {
            exchange.getResponseBody().write(content, offset, content.length - offset);
        }
        exchange.close();
    }

    static HttpHandler status(int status) {
        return exchange -> {
            exchange.sendResponseHeaders(status, -1);
            exchange.close();
        };
    }

    static HttpHandler redirect(String location) {
        return exchange -> {
            exchange.getResponseHeaders().set("Location", location);
            status(302).handle(exchange);
        };
    }

    /** Fails so often, then answers as usual. */
    HttpHandler failing(int times, HttpHandler failure) {
        AtomicInteger left = new AtomicInteger(times);
        return exchange -> {
            if (left.getAndDecrement() > 0) {
                failure.handle(exchange);
            } else {
                file(exchange);
            }
        };
    }

    /** Sends a part of a file, waits, and closes the connection. */
    HttpHandler broken(int bytes, CountDownLatch until) {
        return exchange -> {
            byte[] content = files.get(exchange.getRequestURI().getPath());
            exchange.getResponseHeaders().set("ETag", tag(content));
            exchange.sendResponseHeaders(200, content.length);
            exchange.getResponseBody().write(content, 0, bytes);
            exchange.getResponseBody().flush();
            await(until);
            exchange.close();
        };
    }

    /** A body without length and without end. */
    static HttpHandler endless() {
        return endless(200, new CountDownLatch(1));
    }

    /** @param closed counted down when the client has closed the connection */
    static HttpHandler endless(int status, CountDownLatch closed) {
        return exchange -> {
            exchange.sendResponseHeaders(status, 0);
            byte[] block = new byte[1 << 16];
            try (OutputStream body = exchange.getResponseBody()) {
                while (true) {
                    body.write(block);
                }
            } catch (IOException e) {
                closed.countDown();
                exchange.close();
            }
        };
    }

    /** Sends a byte at a time until the client goes. */
    static HttpHandler trickle(CountDownLatch end) {
        return exchange -> {
            exchange.sendResponseHeaders(200, 0);
            try (OutputStream body = exchange.getResponseBody()) {
                while (end.getCount() > 0) {
                    body.write(1);
                    body.flush();
                    Thread.onSpinWait();
                    await(new CountDownLatch(1), 20);
                }
            } catch (IOException e) {
                end.countDown();
                exchange.close();
            }
        };
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }

    private void handle(HttpExchange exchange) throws IOException {
        Map<String, String> headers = new ConcurrentHashMap<>();
        exchange.getRequestHeaders()
                .forEach((name, values) -> headers.put(name.toLowerCase(Locale.ROOT), values.get(0)));
        String path = exchange.getRequestURI().getPath();
        received.add(new Received(exchange.getRequestMethod(), path, headers));
        answers.getOrDefault(path, this::file).handle(exchange);
    }

    static String tag(byte[] content) {
        return "\"" + HexFormat.of().formatHex(Arrays.copyOf(Sha256.of(content), 16)) + "\"";
    }

    static HttpHandler text(int status, String type, String text) {
        return exchange -> {
            byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().set("Content-Type", type);
            exchange.sendResponseHeaders(status, bytes.length);
            exchange.getResponseBody().write(bytes);
            exchange.close();
        };
    }

    private static void await(CountDownLatch latch) {
        await(latch, 60_000);
    }

    private static void await(CountDownLatch latch, long millis) {
        try {
            latch.await(millis, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
