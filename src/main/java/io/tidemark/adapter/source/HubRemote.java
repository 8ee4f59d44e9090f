package io.tidemark.adapter.source;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * A repository of the Hugging Face hub, or of a server with the same addresses, at a commit. The hub redirects large
 * files to other hosts, which get no token.
 */
final class HubRemote implements Remote {

    private static final String DENIED = "the repository does not exist, or tidemark.sources.hub.token may not read it";

    private final AdapterSource source;
    private final SourceOptions.Hub hub;
    private final HttpFiles http;

    HubRemote(AdapterSource source, SourceOptions.Hub hub, HttpClient client) {
        this.source = source;
        this.hub = hub;
        this.http = new HttpFiles(client, source, this::mayRedirect);
    }

    @Override
    public File open(String name, Optional<Resume> resume, Duration wait) throws IOException {
        HttpResponse<InputStream> response = send("GET", name, HttpFiles.rest(resume), wait);
        if (response.statusCode() == 416 && resume.isPresent()) {
            response.body().close();
            return open(name, Optional.empty(), wait);
        }
        if (!HttpFiles.isSuccess(response.statusCode())) {
            response.body().close();
            throw http.refused(response.statusCode(), name, DENIED);
        }
        return http.file(response, resume, Optional.empty());
    }

    @Override
    public boolean has(String name, Duration wait) throws IOException {
        HttpResponse<InputStream> response = send("HEAD", name, Map.of(), wait);
        response.body().close();
        return response.statusCode() == 200;
    }

    private HttpResponse<InputStream> send(String method, String name, Map<String, String> headers, Duration wait)
            throws IOException {
        return http.send(method, address(name), hub.token().map(token -> "Bearer " + token), headers, wait);
    }

    private URI address(String name) {
        List<String> path = source.path();
        String folder = path.subList(2, path.size()).stream()
                .map(segment -> encoded(segment) + "/")
                .collect(Collectors.joining());
        String endpoint = hub.endpoint().toString();
        return URI.create((endpoint.endsWith("/") ? endpoint.substring(0, endpoint.length() - 1) : endpoint) + "/"
                + path.get(0) + "/" + path.get(1) + "/resolve/" + source.version() + "/" + folder + name);
    }

    private static String encoded(String segment) {
        return URLEncoder.encode(segment, StandardCharsets.UTF_8).replace("+", "%20");
    }

    private boolean mayRedirect(URI address) {
        String host = address.getHost().toLowerCase(Locale.ROOT);
        return hub.redirectHosts().stream()
                .map(permitted -> permitted.toLowerCase(Locale.ROOT))
                .anyMatch(permitted -> host.equals(permitted) || host.endsWith("." + permitted));
    }
}
