package io.tidemark.adapter.source;

import io.tidemark.adapter.source.SourceException.Failure;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Requests to a server of files, with redirects that are followed by hand: at most five, to permitted addresses only,
 * and with the credentials for the origin of the first address only. Nothing but HTTPS, unless the first address is
 * HTTP. Used by one thread.
 *
 * @param redirects whether a redirect to this address is permitted, besides those within the origin
 */
record HttpFiles(HttpClient client, AdapterSource source, Predicate<URI> redirects) {

    private static final int MAX_REDIRECTS = 5;
    private static final Pattern CONTENT_RANGE = Pattern.compile("bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\\*)");

    /**
     * Sends a request without a body. The caller closes the body of the answer.
     *
     * @param authorization the header for the origin of the address
     * @throws SourceException if it is redirected away
     * @throws IOException if there is no answer in time; the message has no query of an address
     */
    HttpResponse<InputStream> send(
            String method, URI address, Optional<String> authorization, Map<String, String> headers, Duration wait)
            throws IOException {
        URI next = address;
        for (int redirect = 0; redirect <= MAX_REDIRECTS; redirect++) {
            HttpRequest.Builder request = HttpRequest.newBuilder(next)
                    .method(method, HttpRequest.BodyPublishers.noBody())
                    .timeout(wait)
                    // a compressed answer would have other bytes than the file
                    .header("Accept-Encoding", "identity")
                    .header("User-Agent", "tidemark");
            headers.forEach(request::header);
            if (isSameOrigin(next, address)) {
                authorization.ifPresent(value -> request.header("Authorization", value));
            }
            HttpResponse<InputStream> response = answer(request.build());
            Optional<String> location =
                    isRedirect(response.statusCode()) ? response.headers().firstValue("Location") : Optional.empty();
            if (location.isEmpty()) {
                return response;
            }
            response.body().close();
            next = target(next, location.get(), address);
        }
        throw redirected("more than " + MAX_REDIRECTS + " times");
    }

    /**
     * The answer to a request for a file as a file.
     *
     * @param resume what was asked for; absent, the whole file
     * @param version of the file, if the answer has none
     */
    Remote.File file(HttpResponse<InputStream> response, Optional<Remote.Resume> resume, Optional<String> version)
            throws IOException {
        Optional<String> tag = response.headers()
                .firstValue("ETag")
                .filter(value -> value.startsWith("\""))
                .or(() -> version);
        if (response.statusCode() == 206) {
            Matcher range = CONTENT_RANGE.matcher(
                    response.headers().firstValue("Content-Range").orElse(""));
            if (resume.isPresent()
                    && range.matches()
                    && Long.parseLong(range.group(1)) == resume.get().offset()) {
                OptionalLong size = range.group(2).equals("*")
                        ? OptionalLong.empty()
                        : OptionalLong.of(Long.parseLong(range.group(2)));
                return new Remote.File(
                        response.body(), resume.get().offset(), size, tag, Optional.empty(), response.body());
            }
            response.body().close();
            throw new SourceException(
                    Failure.INVALID_ANSWER,
                    "source '" + source + "': the server answers with another range than it was asked for");
        }
        return new Remote.File(
                response.body(),
                0,
                response.headers().firstValueAsLong("Content-Length"),
                tag,
                Optional.empty(),
                response.body());
    }

    /**
     * The body of a short answer, which is closed.
     *
     * @return at most so many bytes
     * @throws IOException if it does not end in time
     */
    static byte[] content(HttpResponse<InputStream> response, int maxBytes, Duration wait) throws IOException {
        // the timeout of a request ends with the headers of its answer
        CompletableFuture<Void> read = new CompletableFuture<>();
        read.orTimeout(wait.toNanos(), TimeUnit.NANOSECONDS).whenComplete((done, late) -> close(response.body()));
        byte[] content;
        try {
            content = response.body().readNBytes(maxBytes);
        } finally {
            read.complete(null);
        }
        // a body that another thread closes seems to end
        if (read.isCompletedExceptionally()) {
            throw new HttpTimeoutException("the answer does not end within " + wait.toSeconds() + " s");
        }
        return content;
    }

    /** Whether a server that answers so may answer otherwise later. */
    static boolean isTemporary(int status) {
        return status >= 500 || status == 408 || status == 425 || status == 429;
    }

    /** What a status means that is not a success. */
    SourceException refused(int status, String name, String denied) {
        if (isTemporary(status)) {
            return new SourceException(
                    Failure.UNREACHABLE,
                    "source '" + source + "': the server can't serve " + name + " now (" + status + ")");
        }
        return switch (status) {
            case 401, 403 ->
                new SourceException(
                        Failure.DENIED,
                        "source '" + source + "': the server denies " + name + " (" + status + "); " + denied);
            case 404, 410 ->
                new SourceException(
                        Failure.NOT_FOUND,
                        "source '" + source + "' has no " + name + " (" + status + "); check the URI");
            default ->
                new SourceException(
                        Failure.INVALID_ANSWER,
                        "source '" + source + "': the server answers " + status + " for " + name
                                + "; check the endpoint in the settings");
        };
    }

    /** The headers that ask for the rest of a file, or for all of it if it has another version. */
    static Map<String, String> rest(Optional<Remote.Resume> resume) {
        return resume.map(from -> Map.of("Range", "bytes=" + from.offset() + "-", "If-Range", from.version()))
                .orElse(Map.of());
    }

    static boolean isSuccess(int status) {
        return status == 200 || status == 206;
    }

    private HttpResponse<InputStream> answer(HttpRequest request) throws IOException {
        try {
            return client.send(request, HttpResponse.BodyHandlers.ofInputStream());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }

    private URI target(URI from, String location, URI first) {
        URI target;
        try {
            target = from.resolve(location);
        } catch (IllegalArgumentException e) {
            throw redirected("to an address that is none");
        }
        boolean safe = "https".equals(target.getScheme())
                || "http".equals(target.getScheme()) && "http".equals(first.getScheme());
        if (!safe || target.getHost() == null || target.getRawUserInfo() != null) {
            throw redirected("to an address that is not https://host");
        }
        if (!target.getHost().equalsIgnoreCase(first.getHost()) && !redirects.test(target)) {
            String rule = source.scheme() == AdapterSource.Scheme.HF
                    ? "tidemark.sources.hub.redirect-hosts does not allow"
                    : "is not the host that gives tokens";
            throw redirected("to " + target.getHost() + ", which " + rule);
        }
        return target;
    }

    private SourceException redirected(String where) {
        return new SourceException(
                Failure.REDIRECTED, "source '" + source + "': the server redirects " + where + "; check the endpoint");
    }

    private static void close(InputStream body) {
        try {
            body.close();
        } catch (IOException e) {
            // a connection that can't be closed is one that is broken
            return;
        }
    }

    private static boolean isRedirect(int status) {
        return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
    }

    static boolean isSameOrigin(URI a, URI b) {
        return a.getScheme().equals(b.getScheme()) && a.getHost().equalsIgnoreCase(b.getHost()) && port(a) == port(b);
    }

    private static int port(URI uri) {
        return uri.getPort() >= 0 ? uri.getPort() : uri.getScheme().equals("https") ? 443 : 80;
    }
}
