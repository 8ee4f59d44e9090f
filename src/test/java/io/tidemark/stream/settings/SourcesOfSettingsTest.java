package io.tidemark.stream.settings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.adapter.source.SourceOptions;
import io.tidemark.stream.TestSettings;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("The settings tidemark.sources")
class SourcesOfSettingsTest {

    @Test
    @DisplayName("Allow nothing by default")
    void defaults() {
        SourceOptions options = options(Map.of());
        assertThat(options.allowed()).isEmpty();
        assertThat(options.fileRoot()).isEmpty();
        assertThat(options.cacheFolder()).hasFileName("tidemark-adapters");
        assertThat(options.cacheBytes()).isEqualTo(10L << 30);
        assertThat(options.adapterBytes()).isEqualTo(2L << 30);
        assertThat(options.downloadTime()).isEqualTo(Duration.ofMinutes(10));
        assertThat(options.downloads()).isEqualTo(4);
        assertThat(options.s3()).isEqualTo(new SourceOptions.S3(Optional.empty(), Optional.empty(), false));
        assertThat(options.hub().endpoint()).isEqualTo(URI.create("https://huggingface.co"));
        assertThat(options.hub().redirectHosts()).containsExactly("huggingface.co", "hf.co");
        assertThat(options.registry().plainHttp()).isEmpty();
    }

    @Test
    @DisplayName("Are passed on, and their text has no secret")
    void values() {
        SourceOptions options = options(Map.of(
                "allowed", "s3://bucket/team,oci://registry:5000",
                "file-root", "/adapters",
                "cache-dir", "/cache",
                "s3.endpoint", "http://store:9000",
                "hub.token", "secret",
                "registry.user", "secret",
                "registry.password", "secret",
                "registry.plain-http", "registry:5000"));
        assertThat(options.allowed()).isEqualTo(List.of("s3://bucket/team", "oci://registry:5000"));
        assertThat(options.fileRoot()).contains(Path.of("/adapters"));
        assertThat(options.cacheFolder()).isEqualTo(Path.of("/cache"));
        assertThat(options.s3().endpoint()).contains(URI.create("http://store:9000"));
        assertThat(options.hub().token()).contains("secret");
        assertThat(options.registry().plainHttp()).containsExactly("registry:5000");
        assertThat(options.toString()).doesNotContain("secret");
    }

    @ParameterizedTest(name = "{0}={1}")
    @CsvSource({
        "allowed, https://host",
        "downloads, 0",
        "download-time, 0S",
        "hub.endpoint, https://user:secret@hub",
        "hub.endpoint, ftp://hub",
        "hub.redirect-hosts, *",
        "s3.endpoint, http://store?x",
        "registry.user, someone"
    })
    @DisplayName("That are invalid are named when the process starts, without a secret")
    void invalid(String name, String value) {
        Map<String, String> all = new HashMap<>(Map.of("tidemark.sources." + name, value));
        assertThatThrownBy(() -> SettingsValidator.require(TestSettings.with(all)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("tidemark.sources." + name)
                .satisfies(failure -> assertThat(failure.getMessage()).doesNotContain("secret"));
    }

    private static SourceOptions options(Map<String, String> values) {
        Map<String, String> all = new HashMap<>();
        values.forEach((name, value) -> all.put("tidemark.sources." + name, value));
        return SourcesOfSettings.of(TestSettings.with(all).sources());
    }
}
