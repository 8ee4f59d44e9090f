package io.tidemark.packaging;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("docker/compose.yaml")
class ComposeTest {

    private static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory());
    private static final Path FOLDER = Path.of("docker");

    @Test
    @DisplayName("Sets only environment variables that are settings")
    void variablesAreSettings() throws IOException {
        List<String> names = new ArrayList<>();
        for (JsonNode service : services()) {
            service.path("environment").fieldNames().forEachRemaining(names::add);
        }
        assertThat(names.stream().filter(name -> name.startsWith("TIDEMARK_")))
                .contains("TIDEMARK_ROLE")
                .isSubsetOf(SettingNames.environmentVariables());
    }

    @Test
    @DisplayName("Mounts only files and folders that exist")
    void mountsExist() throws IOException {
        List<String> mounts = new ArrayList<>();
        for (JsonNode service : services()) {
            service.path("volumes").forEach(volume -> mounts.add(volume.asText()));
        }
        assertThat(mounts)
                .filteredOn(mount -> mount.startsWith("./"))
                .isNotEmpty()
                .allSatisfy(
                        mount -> assertThat(FOLDER.resolve(mount.split(":")[0])).exists());
    }

    @Test
    @DisplayName("Pins the images that it does not build by version and digest")
    void imagesArePinned() throws IOException {
        for (JsonNode service : services()) {
            String image = service.path("image").asText("tidemark:");
            assertThat(image.startsWith("tidemark") || image.matches(".+:v?\\d+\\.\\d+\\.\\d+@sha256:[0-9a-f]{64}"))
                    .as(image)
                    .isTrue();
        }
    }

    private static List<JsonNode> services() throws IOException {
        List<JsonNode> services = new ArrayList<>();
        YAML.readTree(FOLDER.resolve("compose.yaml").toFile()).path("services").forEach(services::add);
        assertThat(services).hasSizeGreaterThanOrEqualTo(6);
        return services;
    }
}
