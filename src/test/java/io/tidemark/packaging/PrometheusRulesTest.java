package io.tidemark.packaging;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("The Prometheus rules")
class PrometheusRulesTest {

    private static final Path FOLDER = Path.of("k8s/components/prometheus");
    private static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory());
    private static final Pattern METRIC = Pattern.compile("tidemark[_:]\\w+(?::\\w+)*");

    @Test
    @DisplayName("Use only metrics that the configuration page lists, and series that they record")
    void metricsExist() throws IOException {
        JsonNode rules = YAML.readTree(FOLDER.resolve("rules.yaml").toFile());
        String page = Files.readString(Path.of("docs/configuration.md"));
        List<String> recorded = rules.findValuesAsText("record");
        TreeSet<String> used = new TreeSet<>();
        for (String expression : rules.findValuesAsText("expr")) {
            Matcher metric = METRIC.matcher(expression);
            while (metric.find()) {
                used.add(metric.group());
            }
        }
        assertThat(used).contains("tidemark_outstanding_tokens", "tidemark:tokens_per_second");
        assertThat(used).allMatch(name -> recorded.contains(name) || page.contains("`" + name + "`"));
    }

    @Test
    @DisplayName("Give the values of rules_test.yaml; needs promtool")
    void promtool(@TempDir Path folder) throws IOException, InterruptedException {
        assumeTrue(
                List.of(System.getenv("PATH").split(":")).stream()
                        .anyMatch(path -> Files.isExecutable(Path.of(path, "promtool"))),
                "promtool is not installed");
        JsonNode rules = YAML.readTree(FOLDER.resolve("rules.yaml").toFile());
        YAML.writeValue(folder.resolve("recorded.yaml").toFile(), rules.get("spec"));
        Files.copy(Path.of("src/test/resources/prometheus/rules_test.yaml"), folder.resolve("rules_test.yaml"));
        Path output = folder.resolve("output");
        Process process = new ProcessBuilder("promtool", "test", "rules", "rules_test.yaml")
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        assertThat(process.waitFor()).as(Files.readString(output)).isZero();
    }
}
