package io.tidemark.adapter.source;

import io.tidemark.adapter.source.SourceException.Failure;
import java.net.http.HttpClient;
import java.time.Duration;
import java.util.Optional;
import software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider;
import software.amazon.awssdk.awscore.retry.AwsRetryStrategy;
import software.amazon.awssdk.core.checksums.RequestChecksumCalculation;
import software.amazon.awssdk.core.checksums.ResponseChecksumValidation;
import software.amazon.awssdk.core.exception.SdkClientException;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3ClientBuilder;

/** The clients of all servers, opened with the first source that needs them. Thread-safe. */
final class Remotes implements AutoCloseable {

    private static final Duration CONNECT_LIMIT = Duration.ofSeconds(10);
    private static final Duration READ_LIMIT = Duration.ofSeconds(30);

    private final SourceOptions options;
    private Optional<HttpClient> http = Optional.empty();
    private Optional<S3Client> s3 = Optional.empty();

    Remotes(SourceOptions options) {
        this.options = options;
    }

    /** The server of a source that is not a file. */
    Remote of(AdapterSource source) {
        return switch (source.scheme()) {
            case S3 -> new BucketRemote(source, s3(source));
            case HF -> new HubRemote(source, options.hub(), http());
            case OCI -> new RegistryRemote(source, options.registry(), http());
            case FILE -> throw new IllegalArgumentException("a file has no server: " + source);
        };
    }

    @Override
    public synchronized void close() {
        s3.ifPresent(S3Client::close);
        s3 = Optional.empty();
    }

    private synchronized HttpClient http() {
        if (http.isEmpty()) {
            http = Optional.of(HttpClient.newBuilder()
                    .version(HttpClient.Version.HTTP_1_1)
                    .followRedirects(HttpClient.Redirect.NEVER)
                    .connectTimeout(CONNECT_LIMIT)
                    .build());
        }
        return http.get();
    }

    private synchronized S3Client s3(AdapterSource source) {
        if (s3.isEmpty()) {
            try {
                s3 = Optional.of(client());
            } catch (SdkClientException e) {
                throw new SourceException(
                        Failure.INVALID_SOURCE,
                        "source '" + source + "': the AWS SDK can't be used (" + e.getMessage()
                                + "); set tidemark.sources.s3.region",
                        e);
            }
        }
        return s3.get();
    }

    /** Attempts are repeated by Transfer, and files are compared by their digest, so the SDK needs not do either. */
    private S3Client client() {
        S3ClientBuilder builder = S3Client.builder()
                .httpClientBuilder(UrlConnectionHttpClient.builder()
                        .connectionTimeout(CONNECT_LIMIT)
                        .socketTimeout(READ_LIMIT))
                .credentialsProvider(DefaultCredentialsProvider.builder().build())
                .overrideConfiguration(override -> override.retryStrategy(AwsRetryStrategy.doNotRetry()))
                .requestChecksumCalculation(RequestChecksumCalculation.WHEN_REQUIRED)
                .responseChecksumValidation(ResponseChecksumValidation.WHEN_REQUIRED)
                .forcePathStyle(options.s3().pathStyle());
        options.s3().endpoint().ifPresent(builder::endpointOverride);
        options.s3()
                .region()
                .or(() -> options.s3().endpoint().map(endpoint -> "us-east-1"))
                .ifPresent(region -> builder.region(Region.of(region)));
        return builder.build();
    }
}
