package io.tidemark.message;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class AsyncApiTest {

    private static final Path DOCUMENT = Path.of("docs/asyncapi.yaml");

    private JsonNode document;

    @BeforeEach
    void read() throws IOException {
        document = new YAMLMapper().readTree(DOCUMENT.toFile());
    }

    @Test
    @DisplayName("The AsyncAPI document has every topic with its cleanup policy")
    void topics() {
        Map<String, String> policies = new HashMap<>();
        document.get("channels")
                .forEach(channel -> policies.put(
                        channel.get("address").asText(),
                        channel.at("/bindings/kafka/topicConfiguration")
                                .get("cleanup.policy")
                                .get(0)
                                .asText()));
        assertThat(document.get("asyncapi").asText()).isEqualTo("3.0.0");
        assertThat(policies)
                .containsExactlyInAnyOrderEntriesOf(Map.of(
                        "generation-requests",
                        "delete",
                        "generation-events",
                        "delete",
                        "generation-results",
                        "delete",
                        "generation-cancellations",
                        "delete",
                        "validation-batches",
                        "delete",
                        "adapter-boundaries",
                        "compact",
                        "calibration-state",
                        "compact",
                        "adapters",
                        "compact",
                        "generation-dead-letters",
                        "delete",
                        "validation-dead-letters",
                        "delete"));
    }

    @Test
    @DisplayName("Every reference of the AsyncAPI document resolves within the document or to a schema file")
    void references() {
        List<String> references = document.findValuesAsText("$ref");
        assertThat(references).hasSizeGreaterThan(30).allSatisfy(reference -> {
            if (reference.startsWith("#")) {
                assertThat(document.at(reference.substring(1)).isMissingNode())
                        .as(reference)
                        .isFalse();
            } else {
                assertThat(DOCUMENT.resolveSibling(reference)).exists();
            }
        });
    }

    @Test
    @DisplayName("Every schema file is referenced by the AsyncAPI document or by another schema")
    void noOrphans() throws IOException {
        StringBuilder all = new StringBuilder(Files.readString(DOCUMENT));
        try (var schemas = Files.list(Path.of("src/main/resources/schemas"))) {
            List<Path> files = schemas.toList();
            for (Path file : files) {
                all.append(Files.readString(file));
            }
            assertThat(files)
                    .isNotEmpty()
                    .allSatisfy(file -> assertThat(all.toString()).containsPattern("[/\"]" + file.getFileName()));
        }
    }
}
