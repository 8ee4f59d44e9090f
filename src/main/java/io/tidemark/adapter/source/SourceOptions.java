package io.tidemark.adapter.source;

import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The places that adapters may be read from, with the credentials and the limits. Immutable; {@link #toString} shows no
 * secret.
 *
 * @param fileRoot the folder below which {@code file:} sources are; absent, there are none
 * @param cacheFolder keeps downloaded adapters; the processes of a machine may share it
 * @param cacheBytes size beyond which the least recently used adapters are evicted
 * @param adapterBytes largest size of one adapter
 * @param downloadTime time limit of one download, its repetitions included
 * @param downloads how many adapters are downloaded at a time from one bucket, owner or registry
 * @param allowed prefixes of the URIs that may be downloaded, compared by whole segments; empty allows none
 */
public record SourceOptions(
        Optional<Path> fileRoot,
        Path cacheFolder,
        long cacheBytes,
        long adapterBytes,
        Duration downloadTime,
        int downloads,
        List<String> allowed,
        S3 s3,
        Hub hub,
        Registry registry) {

    /** @throws IllegalArgumentException whose message begins with the name of a setting of {@code tidemark.sources} */
    public SourceOptions {
        require(cacheBytes >= 0, "cache-bytes must not be negative");
        require(adapterBytes >= 1, "adapter-bytes must be positive");
        require(
                !downloadTime.isNegative() && !downloadTime.isZero() && downloadTime.compareTo(Duration.ofDays(1)) <= 0,
                "download-time must be above 0S and at most 24H");
        require(downloads >= 1 && downloads <= 64, "downloads must be from 1 to 64");
        allowed = List.copyOf(allowed);
        Set<String> registries = prefixes(allowed).stream()
                .filter(prefix -> prefix.scheme() == AdapterSource.Scheme.OCI)
                .map(AdapterSource::host)
                .collect(Collectors.toSet());
        require(
                registry.user().isEmpty() || registries.size() <= 1,
                "registry.user needs a single registry in tidemark.sources.allowed: the others would get its password");
    }

    /** The same options with another root of {@code file:} sources. */
    public SourceOptions withFileRoot(Path root) {
        return new SourceOptions(
                Optional.of(root),
                cacheFolder,
                cacheBytes,
                adapterBytes,
                downloadTime,
                downloads,
                allowed,
                s3,
                hub,
                registry);
    }

    /** Whether {@code allowed} has a prefix of a source. {@code file:} needs none. */
    boolean allows(AdapterSource source) {
        return source.scheme() == AdapterSource.Scheme.FILE
                || prefixes(allowed).stream().anyMatch(source::isBelow);
    }

    private static List<AdapterSource> prefixes(List<String> allowed) {
        try {
            return allowed.stream().map(AdapterSource::prefix).toList();
        } catch (SourceException e) {
            throw new IllegalArgumentException("allowed: " + e.getMessage(), e);
        }
    }

    /**
     * The object store of {@code s3:} sources. Its credentials are those that the AWS SDK finds.
     *
     * @param endpoint absent: that of the region in AWS
     * @param region absent: the one that the AWS SDK finds, or {@code us-east-1} with an endpoint
     * @param pathStyle whether the bucket is in the path of the address instead of in the host
     */
    public record S3(Optional<URI> endpoint, Optional<String> region, boolean pathStyle) {

        public S3 {
            endpoint.ifPresent(uri -> requireEndpoint("s3.endpoint", uri));
        }
    }

    /**
     * The hub of {@code hf:} sources.
     *
     * @param token goes to the endpoint only, never to a redirect
     * @param redirectHosts hosts to which the hub may redirect, with their sub-domains
     */
    public record Hub(URI endpoint, Optional<String> token, List<String> redirectHosts) {

        public Hub {
            requireEndpoint("hub.endpoint", endpoint);
            redirectHosts = List.copyOf(redirectHosts);
            require(
                    redirectHosts.stream().allMatch(host -> host.matches("[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")),
                    "hub.redirect-hosts must be names of hosts, such as huggingface.co");
            require(token.stream().allMatch(text -> text.matches("[!-~]+")), "hub.token must be printable ASCII");
        }

        @Override
        public String toString() {
            return "Hub[endpoint=" + endpoint + ", token=" + hidden(token) + ", redirectHosts=" + redirectHosts + "]";
        }
    }

    /**
     * The registries of {@code oci:} sources.
     *
     * @param plainHttp registries, with their ports, that are reached without TLS
     */
    public record Registry(Optional<String> user, Optional<String> password, List<String> plainHttp) {

        public Registry {
            require(user.isPresent() == password.isPresent(), "registry.user and registry.password need each other");
            require(user.stream().noneMatch(name -> name.contains(":")), "registry.user must not contain ':'");
            plainHttp = List.copyOf(plainHttp);
        }

        @Override
        public String toString() {
            return "Registry[user=" + hidden(user) + ", password=" + hidden(password) + ", plainHttp=" + plainHttp
                    + "]";
        }
    }

    private static String hidden(Optional<String> secret) {
        return secret.isPresent() ? "(hidden)" : "(none)";
    }

    private static void requireEndpoint(String setting, URI uri) {
        require(
                ("https".equals(uri.getScheme()) || "http".equals(uri.getScheme()))
                        && uri.getHost() != null
                        && uri.getRawUserInfo() == null
                        && uri.getRawQuery() == null
                        && uri.getRawFragment() == null,
                setting + " must be https://host:port or http://host:port, without a user or a query");
    }

    private static void require(boolean valid, String message) {
        if (!valid) {
            throw new IllegalArgumentException(message);
        }
    }
}
