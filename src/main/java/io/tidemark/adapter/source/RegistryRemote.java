package io.tidemark.adapter.source;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tidemark.adapter.source.SourceException.Failure;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * An artifact of an OCI registry, by the digest of its manifest: a layer for each file, with the name of the file as
 * its title. Anonymous, with user and password, or with the token that the registry gives for them. Redirects of blobs
 * get no credentials; the digest of a blob says whether its bytes are the right ones.
 */
final class RegistryRemote implements Remote {

    private static final String TITLE = "org.opencontainers.image.title";
    private static final String MANIFESTS =
            "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";
    private static final String DENIED =
            "set tidemark.sources.registry.user and registry.password, or give that user the right to pull";
    /** The limit of the distribution specification. */
    private static final int MAX_MANIFEST_BYTES = 4 << 20;

    private static final int MAX_TOKEN_BYTES = 1 << 20;
    private static final Pattern DIGEST = Pattern.compile("sha256:[0-9a-f]{64}");
    private static final Pattern PARAMETER = Pattern.compile("([a-zA-Z_]+)=\"([^\"]*)\"");

    private record Layer(String digest, long bytes) {}

    private final AdapterSource source;
    private final SourceOptions.Registry options;
    private final HttpFiles http;
    private final HttpClient client;
    private final ObjectMapper json = new ObjectMapper();
    private final String base;
    private Optional<String> authorization = Optional.empty();
    private Map<String, Layer> layers = Map.of();

    RegistryRemote(AdapterSource source, SourceOptions.Registry options, HttpClient client) {
        this.source = source;
        this.options = options;
        this.client = client;
        this.http = new HttpFiles(client, source, address -> true);
        String repository =
                String.join("/", source.path().subList(1, source.path().size()));
        this.base = (isPlain() ? "http://" : "https://") + source.host() + "/v2/" + repository;
    }

    @Override
    public File open(String name, Optional<Resume> resume, Duration wait) throws IOException {
        Layer layer = layer(name, wait);
        // the content of a digest never changes, so the digest is the version
        Optional<Resume> same =
                resume.filter(from -> from.version().equals(layer.digest()) && from.offset() < layer.bytes());
        // some registries answer ranges only if they have an end
        Map<String, String> range = same.map(
                        from -> Map.of("Range", "bytes=" + from.offset() + "-" + (layer.bytes() - 1)))
                .orElse(Map.of());
        HttpResponse<InputStream> response = send(URI.create(base + "/blobs/" + layer.digest()), range, wait);
        if (response.statusCode() == 416 && same.isPresent()) {
            response.body().close();
            return open(name, Optional.empty(), wait);
        }
        if (!HttpFiles.isSuccess(response.statusCode())) {
            response.body().close();
            throw http.refused(response.statusCode(), name, DENIED);
        }
        File file = http.file(response, same, Optional.empty());
        return new File(
                file.body(),
                file.offset(),
                OptionalLong.of(layer.bytes()),
                Optional.of(layer.digest()),
                Optional.of(layer.digest().substring("sha256:".length())),
                file.connection());
    }

    @Override
    public boolean has(String name, Duration wait) throws IOException {
        return layers(wait).containsKey(name);
    }

    private Layer layer(String name, Duration wait) throws IOException {
        Layer layer = layers(wait).get(name);
        if (layer == null) {
            throw new SourceException(
                    Failure.NOT_FOUND,
                    "source '" + source + "' has no layer with the title " + name
                            + "; push the files by their names, without a folder");
        }
        return layer;
    }

    private Map<String, Layer> layers(Duration wait) throws IOException {
        if (layers.isEmpty()) {
            layers = parsed(manifest(wait));
        }
        return layers;
    }

    private byte[] manifest(Duration wait) throws IOException {
        URI address = URI.create(base + "/manifests/" + source.version());
        HttpResponse<InputStream> response = send(address, Map.of("Accept", MANIFESTS), wait);
        if (response.statusCode() != 200) {
            response.body().close();
            throw http.refused(response.statusCode(), "manifest", DENIED);
        }
        byte[] manifest = HttpFiles.content(response, MAX_MANIFEST_BYTES + 1, wait);
        if (manifest.length > MAX_MANIFEST_BYTES) {
            throw new SourceException(Failure.TOO_LARGE, "source '" + source + "' has a manifest above 4 MiB");
        }
        if (!("sha256:" + HexFormat.of().formatHex(Sha256.of(manifest))).equals(source.version())) {
            throw new SourceException(
                    Failure.WRONG_DIGEST,
                    "source '" + source + "': the manifest has another digest; check the registry");
        }
        return manifest;
    }

    private Map<String, Layer> parsed(byte[] manifest) throws IOException {
        JsonNode root;
        try {
            root = json.readTree(manifest);
        } catch (JacksonException e) {
            throw invalid("the manifest is not JSON");
        }
        if (!root.path("layers").isArray()) {
            throw invalid("the digest is not that of a manifest with layers; an index has no files of its own");
        }
        Map<String, Layer> found = new HashMap<>();
        for (JsonNode layer : root.path("layers")) {
            String digest = layer.path("digest").asText();
            long bytes = layer.path("size").asLong(-1);
            if (!DIGEST.matcher(digest).matches() || bytes < 0) {
                throw invalid("a layer of the manifest has no sha256 digest or no size");
            }
            String title = layer.path("annotations").path(TITLE).asText();
            found.putIfAbsent(title, new Layer(digest, bytes));
        }
        return found;
    }

    /** Sends a request, and once more with the credentials that the registry requires. */
    private HttpResponse<InputStream> send(URI address, Map<String, String> headers, Duration wait) throws IOException {
        HttpResponse<InputStream> response = http.send("GET", address, authorization, headers, wait);
        // a host that the registry redirects to gets no credentials, and does not say who does
        if (response.statusCode() != 401
                || authorization.isPresent()
                || !HttpFiles.isSameOrigin(response.uri(), address)) {
            return response;
        }
        String challenge = response.headers().firstValue("WWW-Authenticate").orElse("");
        boolean bearer = challenge.toLowerCase(Locale.ROOT).startsWith("bearer ");
        if (!bearer && basic().isEmpty()) {
            return response;
        }
        response.body().close();
        authorization = bearer ? Optional.of("Bearer " + token(challenge, wait)) : basic();
        return http.send("GET", address, authorization, headers, wait);
    }

    private String token(String challenge, Duration wait) throws IOException {
        Map<String, String> parameters = new HashMap<>();
        Matcher parameter = PARAMETER.matcher(challenge);
        while (parameter.find()) {
            parameters.putIfAbsent(parameter.group(1).toLowerCase(Locale.ROOT), parameter.group(2));
        }
        String repository =
                String.join("/", source.path().subList(1, source.path().size()));
        URI realm = realm(parameters.getOrDefault("realm", ""));
        URI address = URI.create(realm
                + (realm.getRawQuery() == null ? "?" : "&")
                + (parameters.containsKey("service") ? "service=" + encoded(parameters.get("service")) + "&" : "")
                + "scope=" + encoded("repository:" + repository + ":pull"));
        HttpFiles tokens = new HttpFiles(client, source, other -> false);
        HttpResponse<InputStream> response = tokens.send("GET", address, basic(), Map.of(), wait);
        if (response.statusCode() != 200) {
            response.body().close();
            throw http.refused(response.statusCode(), "a token", DENIED);
        }
        try {
            JsonNode answer = json.readTree(HttpFiles.content(response, MAX_TOKEN_BYTES, wait));
            String token =
                    answer.path("token").asText(answer.path("access_token").asText());
            if (!token.matches("[!-~]+")) {
                throw invalid("the registry gives no token");
            }
            return token;
        } catch (JacksonException e) {
            throw invalid("the registry gives no token");
        }
    }

    private URI realm(String text) {
        try {
            URI realm = URI.create(text);
            boolean safe = "https".equals(realm.getScheme()) || isPlain() && "http".equals(realm.getScheme());
            if (safe && realm.getHost() != null && realm.getRawUserInfo() == null && realm.getRawFragment() == null) {
                return realm;
            }
        } catch (IllegalArgumentException e) {
            throw invalid("the registry names no address for tokens");
        }
        throw invalid("the registry names no HTTPS address for tokens");
    }

    private Optional<String> basic() {
        return options.user()
                .flatMap(user -> options.password()
                        .map(password -> "Basic "
                                + Base64.getEncoder()
                                        .encodeToString((user + ":" + password).getBytes(StandardCharsets.UTF_8))));
    }

    private boolean isPlain() {
        return options.plainHttp().contains(source.host());
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }

    private SourceException invalid(String problem) {
        return new SourceException(Failure.INVALID_ANSWER, "source '" + source + "': " + problem);
    }
}
