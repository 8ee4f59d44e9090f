package io.tidemark.adapter.source;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import io.tidemark.adapter.source.SourceException.Failure;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("URIs and options of adapter sources")
class AdapterSourceTest {

    private static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";
    private static final String DIGEST = "sha256:" + "a".repeat(64);

    @ParameterizedTest(name = "{0}")
    @ValueSource(
            strings = {
                "file:restaurants",
                "file:team/ünïcode name",
                "file:/adapters/restaurants",
                "s3://bucket",
                "s3://bucket/team/with space@2",
                "hf://owner/repo@" + COMMIT,
                "hf://owner/repo.v1@" + COMMIT + "/checkpoint-100/adapter",
                "oci://registry.example:5000/team/adapters@sha256:"
                        + "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
            })
    @DisplayName("Are kept as they were written")
    void parses(String uri) {
        assertThat(AdapterSource.parse(uri)).hasToString(uri).isEqualTo(AdapterSource.parse(uri));
    }

    @Test
    @DisplayName("With three slashes are absolute files")
    void absoluteFile() {
        assertThat(AdapterSource.parse("file:///a/b")).hasToString("file:/a/b");
    }

    @ParameterizedTest(name = "{0}: {1}")
    @CsvSource({
        "https://host/x, must begin with",
        "restaurants, must begin with",
        "file:, empty segment",
        "file:../x, '..'",
        "file:a/../../x, '..'",
        "file:a//b, empty segment",
        "file:./a, '.'",
        "file://host/x, has no host",
        "file:a%2e%2e/b, characters stand for themselves",
        "file:a\\..\\b, characters stand for themselves",
        "s3://bucket/a?versionId=3, query",
        "s3://bucket/a#b, query or a fragment",
        "s3://user:secret@bucket/a, has a user",
        "hf://user:secret@owner/repo@main, has a user",
        "https://user:secret@host/x, must begin with",
        "https://bucket.s3.amazonaws.com/x?X-Amz-Signature=secret, must begin with",
        "s3://user@bucket/x?token=secret, has a user",
        "file://user:secret@host/x, has no host",
        "s3://B/x, is no name of a bucket",
        "s3:///x, empty segment",
        "hf://owner/repo, 40 hexadecimal digits",
        "hf://owner/repo@main, 40 hexadecimal digits",
        "hf://repo@0123456789abcdef0123456789abcdef01234567, an owner and a name",
        "hf://owner/repo@0123456789abcdef0123456789abcdef01234567/../x, '..'",
        "oci://registry/repo:latest, a tag may change",
        "oci://registry:65536/repo@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, of a registry",
        "oci://registry..example/repo@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, of a registry",
        "oci://registry/repo@sha256:12, digest of a manifest",
        "oci://registry/Repo@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, part of a repository"
    })
    @DisplayName("That are not of a source are refused, and the message says why, without a password")
    void refuses(String uri, String problem) {
        assertThatThrownBy(() -> AdapterSource.parse(uri))
                .asInstanceOf(type(SourceException.class))
                .satisfies(failure -> assertThat(failure.failure()).isEqualTo(Failure.INVALID_SOURCE))
                .satisfies(failure -> assertThat(failure).hasMessageContaining(problem))
                .satisfies(failure -> assertThat(failure.getMessage()).doesNotContain("secret"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"file:a\nb", "file:a\u0000", "file:a\u202eb", "file:a\u2028b", "file:\ud800"})
    @DisplayName("With control characters and invisible ones are refused, and the message has none of them")
    void controlCharacters(String uri) {
        assertThatThrownBy(() -> AdapterSource.parse(uri))
                .hasMessageContaining("control character")
                .satisfies(failure -> assertThat(failure.getMessage()).doesNotContainPattern("[\\p{Cntrl}\\p{Cf}]"));
    }

    @Test
    @DisplayName("Have at most 1,024 characters")
    void length() {
        String longest = "file:" + "a".repeat(1019);
        assertThat(AdapterSource.parse(longest)).hasToString(longest);
        assertThatThrownBy(() -> AdapterSource.parse(longest + "a")).hasMessageContaining("1025 characters");
        assertThatThrownBy(() -> AdapterSource.parse("s3://user:secret@bucket/" + longest))
                .hasMessageContaining("characters")
                .satisfies(failure -> assertThat(failure.getMessage()).doesNotContain("secret"));
    }

    @ParameterizedTest(name = "{0} allows {1}: {2}")
    @CsvSource({
        "s3://bucket/team-a, s3://bucket/team-a, true",
        "s3://bucket/team-a, s3://bucket/team-a/x, true",
        "s3://bucket/team-a/, s3://bucket/team-a/x, true",
        "s3://bucket/team-a, s3://bucket/team-ab, false",
        "s3://bucket/team-a, s3://bucket, false",
        "s3://bucket, s3://bucket2/x, false",
        "hf://owner, hf://owner/repo@0123456789abcdef0123456789abcdef01234567, true",
        "hf://owner/repo, hf://owner/repo@0123456789abcdef0123456789abcdef01234567/x, true",
        "hf://owner/rep, hf://owner/repo@0123456789abcdef0123456789abcdef01234567, false",
        "hf://own, hf://owner/repo@0123456789abcdef0123456789abcdef01234567, false",
        "hf://bucket, s3://bucket/x, false"
    })
    @DisplayName("Are allowed by prefixes of whole segments")
    void prefixes(String allowed, String uri, boolean expected) {
        assertThat(options(List.of(allowed), Optional.empty()).allows(AdapterSource.parse(uri)))
                .isEqualTo(expected);
    }

    @Test
    @DisplayName("Of a registry are allowed by registry and port")
    void registryPrefix() {
        AdapterSource source = AdapterSource.parse("oci://registry:5000/team/a@" + DIGEST);
        assertThat(options(List.of("oci://registry:5000/team"), Optional.empty())
                        .allows(source))
                .isTrue();
        assertThat(options(List.of("oci://registry"), Optional.empty()).allows(source))
                .isFalse();
        assertThat(options(List.of(), Optional.empty()).allows(source)).isFalse();
    }

    @Test
    @DisplayName("The text of the options has no secret")
    void secrets() {
        assertThat(options(List.of("oci://one"), Optional.of("secret")).toString())
                .doesNotContain("secret")
                .contains("hidden");
    }

    @Test
    @DisplayName("A password is for one registry only")
    void oneRegistry() {
        assertThatThrownBy(() -> options(List.of("oci://one", "oci://two"), Optional.of("secret")))
                .hasMessageContaining("registry.user");
    }

    @ParameterizedTest
    @ValueSource(strings = {"file:x", "s3://", "*", "hf://owner/repo@main", "s3://bucket/..", "s3://bucket?x"})
    @DisplayName("A prefix that is none is refused")
    void badPrefix(String prefix) {
        assertThatThrownBy(() -> options(List.of(prefix), Optional.empty()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("allowed: ");
    }

    private static SourceOptions options(List<String> allowed, Optional<String> secret) {
        return new SourceOptions(
                Optional.empty(),
                Path.of("cache"),
                1,
                1,
                Duration.ofSeconds(1),
                1,
                allowed,
                new SourceOptions.S3(Optional.empty(), Optional.empty(), false),
                new SourceOptions.Hub(URI.create("https://huggingface.co"), secret, List.of("hf.co")),
                new SourceOptions.Registry(secret, secret, List.of()));
    }
}
