package io.tidemark.packaging;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("docker/compose.yaml")
class ComposeTest {

    private static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory());
    private static final Path FOLDER = Path.of("docker");
    /** A metric in an expression or a table, without the suffix of a histogram's series. */
    private static final Pattern METRIC = Pattern.compile("\\btidemark_[a-z_]+?(?=(_bucket|_count|_sum)?\\b(?!_))");

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

    @Test
    @DisplayName("Shows only metrics that the configuration page lists")
    void dashboardShowsExistingMetrics() throws IOException {
        Set<String> shown = new TreeSet<>();
        for (JsonNode panel : panels()) {
            expressions(panel).forEach(expression -> shown.addAll(metrics(expression)));
        }
        assertThat(shown)
                .contains("tidemark_requests_total", "tidemark_boundary")
                .isSubsetOf(metrics(Files.readString(Path.of("docs/configuration.md"))));
    }

    @Test
    @DisplayName("Stacks only sums: the sum of quantiles, maxima or ratios has no meaning")
    void dashboardStacksOnlySums() throws IOException {
        assertThat(panels())
                .filteredOn(panel -> panel.at("/fieldConfig/defaults/custom/stacking/mode")
                        .asText()
                        .equals("normal"))
                .isNotEmpty()
                .allSatisfy(panel -> assertThat(expressions(panel))
                        .as(panel.path("title").asText())
                        .allMatch(expression -> expression.startsWith("sum")));
    }

    @Test
    @DisplayName("Describes each panel of the dashboard in a text of its own")
    void panelsHaveDescriptions() throws IOException {
        assertThat(panels())
                .extracting(panel -> panel.path("description").asText())
                .doesNotHaveDuplicates()
                .doesNotContain("");
    }

    /** The panels of the dashboard, without the headings of rows. */
    private static List<JsonNode> panels() throws IOException {
        List<JsonNode> panels = new ArrayList<>();
        new ObjectMapper()
                .readTree(FOLDER.resolve("grafana/dashboards/tidemark.json").toFile())
                .path("panels")
                .forEach(panels::add);
        panels.removeIf(panel -> panel.path("type").asText().equals("row"));
        return panels;
    }

    private static List<String> expressions(JsonNode panel) {
        List<String> expressions = new ArrayList<>();
        panel.path("targets")
                .forEach(target -> expressions.add(target.path("expr").asText()));
        return expressions;
    }

    private static Set<String> metrics(String text) {
        Set<String> names = new TreeSet<>();
        Matcher metric = METRIC.matcher(text);
        while (metric.find()) {
            names.add(metric.group());
        }
        return names;
    }

    private static List<JsonNode> services() throws IOException {
        List<JsonNode> services = new ArrayList<>();
        YAML.readTree(FOLDER.resolve("compose.yaml").toFile()).path("services").forEach(services::add);
        assertThat(services).hasSizeGreaterThanOrEqualTo(6);
        return services;
    }
}
