package io.tidemark.stream.settings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.smallrye.config.EnvConfigSource;
import io.smallrye.config.SmallRyeConfigBuilder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AdaptersOfSettingsTest {

    @Test
    @DisplayName(
            "Adapters are read from variables, from a list with arbitrary ids, and from the sub-folders of a folder")
    void threeWays(@TempDir Path parent) throws Exception {
        Files.createDirectories(parent.resolve("from-folder"));
        Files.createFile(parent.resolve("from-folder/adapter_config.json"));
        Files.createDirectories(parent.resolve("no-adapter"));
        TidemarkSettings settings = environment(Map.of(
                "TIDEMARK_ADAPTERS_RESTAURANTS",
                "/a/restaurants",
                "TIDEMARK_ADAPTER_LIST",
                "Lora-E2E=/a/e2e,v1.2=/a/v12",
                "TIDEMARK_ADAPTER_FOLDER",
                parent.toString()));
        assertThat(AdaptersOfSettings.of(settings))
                .isEqualTo(Map.of(
                        "restaurants",
                        Path.of("/a/restaurants"),
                        "Lora-E2E",
                        Path.of("/a/e2e"),
                        "v1.2",
                        Path.of("/a/v12"),
                        "from-folder",
                        parent.resolve("from-folder")));
    }

    @Test
    @DisplayName("An id with two folders is rejected by name, and so is a list entry without a folder")
    void mistakes() {
        assertThatThrownBy(() -> AdaptersOfSettings.of(environment(Map.of("TIDEMARK_ADAPTER_LIST", "a=/x,a=/y"))))
                .hasMessageContaining("'a' has two folders");
        assertThatThrownBy(() -> AdaptersOfSettings.of(environment(Map.of("TIDEMARK_ADAPTER_LIST", "/x"))))
                .hasMessageContaining("tidemark.adapter-list");
    }

    private static TidemarkSettings environment(Map<String, String> variables) {
        Map<String, String> all = new HashMap<>(variables);
        all.put("TIDEMARK_MODEL_DIR", "/model");
        return new SmallRyeConfigBuilder()
                .addDiscoveredConverters()
                .withMapping(TidemarkSettings.class)
                .withSources(new EnvConfigSource(all, 300))
                .build()
                .getConfigMapping(TidemarkSettings.class);
    }
}
