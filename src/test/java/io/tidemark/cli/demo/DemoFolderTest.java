package io.tidemark.cli.demo;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.cli.console.NamedFolder;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Data of the demo")
class DemoFolderTest {

    private final DemoFolder demo = DemoFolder.at(Path.of("demo"));

    @Test
    @DisplayName("Each adapter has as many distinct validation examples as an epoch, none of which is a request")
    void examples() {
        for (NamedFolder adapter : demo.adapters()) {
            List<ObjectNode> examples = demo.validation(adapter.name());
            assertThat(examples)
                    .as(adapter.name())
                    .doesNotHaveDuplicates()
                    .hasSize(DemoRun.epochExamples(demo.mostValidationExamples()))
                    .hasSizeGreaterThanOrEqualTo(128);
            assertThat(prompts(examples)).doesNotContainAnyElementsOf(prompts(demo.requests(adapter.name())));
        }
    }

    @Test
    @DisplayName("An epoch ends with the last example, within the limits of the calibrator")
    void epoch() {
        assertThat(DemoRun.epochExamples(160)).isEqualTo(160);
        assertThat(DemoRun.epochExamples(3)).isEqualTo(32);
        assertThat(DemoRun.epochExamples(5000)).isEqualTo(4000);
    }

    private static List<String> prompts(List<ObjectNode> lines) {
        return lines.stream().map(line -> line.path("prompt").asText()).toList();
    }
}
