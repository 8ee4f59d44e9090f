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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("The Prometheus rules")
class PrometheusRulesTest {

    private static final Path FOLDER = Path.of("k8s/components/prometheus");
    private static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory());
    private static final Pattern METRIC = Pattern.compile("tidemark[_:][a-z]\\w*(?::\\w+)*");

    @Test
    @DisplayName("Use only metrics that the configuration page lists, and series that they record")
    void metricsExist() throws IOException {
        JsonNode rules = YAML.readTree(FOLDER.resolve("rules.yaml").toFile());
        String page = Files.readString(Path.of("docs/configuration.md"));
        List<String> recorded = rules.findValuesAsText("record");
        TreeSet<String> used = new TreeSet<>();
        rules.findValuesAsText("expr").forEach(expression -> used.addAll(metrics(expression)));
        assertThat(used).contains("tidemark_outstanding_tokens", "tidemark:tokens_per_second");
        assertThat(used).allMatch(name -> recorded.contains(name) || page.contains("`" + name + "`"));
    }

    @ParameterizedTest(name = "{0}")
    @ValueSource(
            strings = {
                "docs/scaling.md",
                "docs/decisions.md",
                "docs/kubernetes.md",
                "docs/runbook.md",
                "k8s/components/keda/worker-scaled-object.yaml",
                "bench/src/main/java/io/tidemark/benchmark/scaling/Prometheus.java"
            })
    @DisplayName("And the files that name their series name only those that exist")
    void metricsOfPagesExist(String file) throws IOException {
        List<String> recorded =
                YAML.readTree(FOLDER.resolve("rules.yaml").toFile()).findValuesAsText("record");
        String page = Files.readString(Path.of("docs/configuration.md"));
        assertThat(metrics(Files.readString(Path.of(file))))
                .allMatch(name -> recorded.contains(name) || page.contains("`" + name + "`"));
    }

    private static TreeSet<String> metrics(String text) {
        TreeSet<String> names = new TreeSet<>();
        Matcher metric = METRIC.matcher(text);
        while (metric.find()) {
            names.add(metric.group());
        }
        return names;
    }

    @Test
    @DisplayName("Have a section in the runbook for each alert, which its description names, and no other section")
    void runbook() throws IOException {
        JsonNode rules = YAML.readTree(FOLDER.resolve("rules.yaml").toFile());
        List<String> sections = Files.readAllLines(Path.of("docs/runbook.md")).stream()
                .filter(line -> line.startsWith("### "))
                .map(line -> line.substring(4))
                .toList();
        assertThat(sections).containsExactlyInAnyOrderElementsOf(rules.findValuesAsText("alert"));
        rules.findParents("alert")
                .forEach(
                        alert -> assertThat(alert.at("/annotations/description").asText())
                                .endsWith("See " + alert.get("alert").asText() + " in docs/runbook.md."));
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
