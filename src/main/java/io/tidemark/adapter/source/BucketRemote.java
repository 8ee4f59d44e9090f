package io.tidemark.adapter.source;

import io.tidemark.adapter.source.SourceException.Failure;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import software.amazon.awssdk.core.ResponseInputStream;
import software.amazon.awssdk.core.exception.SdkClientException;
import software.amazon.awssdk.core.exception.SdkServiceException;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.GetObjectRequest;
import software.amazon.awssdk.services.s3.model.GetObjectResponse;
import software.amazon.awssdk.services.s3.model.HeadObjectRequest;

/** A prefix in a bucket of S3, or of a store with its interface. */
final class BucketRemote implements Remote {

    private static final Pattern CONTENT_RANGE = Pattern.compile("bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18})");

    private final AdapterSource source;
    private final S3Client client;

    BucketRemote(AdapterSource source, S3Client client) {
        this.source = source;
        this.client = client;
    }

    @Override
    public File open(String name, Optional<Resume> resume, Duration wait) throws IOException {
        GetObjectRequest.Builder request =
                GetObjectRequest.builder().bucket(source.host()).key(key(name));
        resume.ifPresent(from -> request.range("bytes=" + from.offset() + "-").ifMatch(from.version()));
        ResponseInputStream<GetObjectResponse> response;
        try {
            response = called(name, () -> client.getObject(request.build()));
        } catch (ChangedException e) {
            if (resume.isEmpty()) {
                throw new SourceException(
                        Failure.INVALID_ANSWER,
                        "source '" + source + "': the store refuses a request for the whole of " + name
                                + "; check tidemark.sources.s3.endpoint");
            }
            return open(name, Optional.empty(), wait);
        }
        Matcher range = CONTENT_RANGE.matcher(
                Optional.ofNullable(response.response().contentRange()).orElse(""));
        boolean rest =
                range.matches() && resume.stream().anyMatch(from -> from.offset() == Long.parseLong(range.group(1)));
        if (!rest && response.response().contentRange() != null) {
            response.abort();
            throw new SourceException(
                    Failure.INVALID_ANSWER,
                    "source '" + source + "': the store answers with another range than it was asked for");
        }
        return new File(
                new Body(response),
                rest ? resume.get().offset() : 0,
                rest ? OptionalLong.of(Long.parseLong(range.group(2))) : size(response.response()),
                Optional.ofNullable(response.response().eTag()),
                Optional.empty(),
                response::abort);
    }

    @Override
    public boolean has(String name, Duration wait) throws IOException {
        HeadObjectRequest request =
                HeadObjectRequest.builder().bucket(source.host()).key(key(name)).build();
        try {
            called(name, () -> client.headObject(request));
            return true;
        } catch (ChangedException e) {
            return false;
        }
    }

    private String key(String name) {
        List<String> path = source.path();
        return path.size() == 1 ? name : String.join("/", path.subList(1, path.size())) + "/" + name;
    }

    private static OptionalLong size(GetObjectResponse response) {
        return response.contentLength() == null ? OptionalLong.empty() : OptionalLong.of(response.contentLength());
    }

    private <T> T called(String name, Supplier<T> call) throws IOException, ChangedException {
        try {
            return call.get();
        } catch (SdkServiceException e) {
            throw refused(e.statusCode(), name, e);
        } catch (SdkClientException e) {
            throw failed(e);
        }
    }

    private SourceException refused(int status, String name, SdkServiceException cause) throws ChangedException {
        String object = "source '" + source + "': " + name;
        if (HttpFiles.isTemporary(status)) {
            return new SourceException(Failure.UNREACHABLE, object + " can't be served now (" + status + ")", cause);
        }
        return switch (status) {
            case 412, 416 -> throw new ChangedException();
            case 301, 302, 303, 307, 308 ->
                new SourceException(
                        Failure.REDIRECTED,
                        object + " is in another region or at another address (" + status
                                + "); set tidemark.sources.s3.region or s3.endpoint",
                        cause);
            case 401, 403 ->
                new SourceException(
                        Failure.DENIED,
                        object + " is missing, or the credentials of the AWS SDK may not read it (" + status
                                + "); give them s3:GetObject and s3:ListBucket",
                        cause);
            case 404 ->
                new SourceException(
                        Failure.NOT_FOUND, object + " does not exist (404); check bucket and prefix", cause);
            default ->
                new SourceException(
                        Failure.INVALID_ANSWER,
                        object + ": the store answers " + status + "; check tidemark.sources.s3.endpoint",
                        cause);
        };
    }

    /** The SDK has one type for all that fails on this side of the connection. */
    private IOException failed(SdkClientException cause) {
        String text = String.valueOf(cause.getMessage());
        if (text.contains("credentials")) {
            throw new SourceException(
                    Failure.UNREACHABLE,
                    "source '" + source + "': the AWS SDK finds no credentials; set AWS_ACCESS_KEY_ID and"
                            + " AWS_SECRET_ACCESS_KEY, or give the process a role",
                    cause);
        }
        return new IOException(text, cause);
    }

    /** The object has another ETag than the part that is present, or is shorter. */
    private static final class ChangedException extends Exception {
        private static final long serialVersionUID = 1L;
    }

    /** The SDK reports a broken connection by exceptions of its own. */
    private static final class Body extends InputStream {

        private final InputStream body;

        private Body(InputStream body) {
            this.body = body;
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            int read = read(one, 0, 1);
            return read < 0 ? read : one[0] & 0xff;
        }

        @Override
        public int read(byte[] bytes, int offset, int length) throws IOException {
            try {
                return body.read(bytes, offset, length);
            } catch (SdkClientException e) {
                throw new IOException(e);
            }
        }
    }
}
