package io.tidemark.cli.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.cli.console.NamedFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("Data of the demo")
class DemoFolderTest {

    private final DemoFolder demo = DemoFolder.at(Path.of("demo"));

    @Test
    @DisplayName("Each adapter has 160 distinct validation examples, none of which is a request")
    void examples() {
        for (NamedFolder adapter : demo.adapters()) {
            List<ObjectNode> examples = demo.validation(adapter.name()).objects();
            assertThat(examples).as(adapter.name()).doesNotHaveDuplicates().hasSize(160);
            assertThat(prompts(examples)).doesNotContainAnyElementsOf(prompts(demo.requests(adapter.name())));
        }
    }

    @Test
    @DisplayName("A request with a format names an adapter, and its prompt is no validation example")
    void formats() {
        List<String> adapters = demo.adapters().stream().map(NamedFolder::name).toList();
        assertThat(demo.formats()).hasSize(2).allSatisfy(line -> {
            assertThat(line.path("model").asText()).isIn(adapters);
            assertThat(line.path("structured_outputs").isObject()).isTrue();
            assertThat(prompts(demo.validation(line.path("model").asText()).objects()))
                    .doesNotContain(line.path("prompt").asText());
        });
        assertThat(new DemoFolder(Path.of("src")).formats()).isEmpty();
    }

    @Test
    @DisplayName("The first adapter may be a link, which is resolved")
    void firstAdapter(@TempDir Path folder) throws IOException {
        DemoFolder linked = new DemoFolder(folder);
        Path adapters = Files.createDirectories(folder.resolve("adapters"));
        assertThatThrownBy(linked::firstAdapter).hasMessage("no adapter in " + adapters);
        Path elsewhere = demo.firstAdapter();
        Files.createSymbolicLink(adapters.resolve("a"), elsewhere);
        assertThat(linked.adapters()).extracting(NamedFolder::name).containsExactly("a");
        assertThat(linked.firstAdapter()).isEqualTo(elsewhere).endsWith(Path.of("demo", "adapters", "describe"));
    }

    private static List<String> prompts(List<ObjectNode> lines) {
        return lines.stream().map(line -> line.path("prompt").asText()).toList();
    }
}
