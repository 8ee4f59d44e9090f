package io.tidemark.packaging;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

@DisplayName("The files in k8s/")
class KubernetesManifestsTest {

    private static final Path ROOT = Path.of("k8s");
    private static final String KUSTOMIZATION = "kustomization.yaml";
    /** Fields of a kustomization that the files use; kustomize refuses those that it does not have. */
    private static final Set<String> KUSTOMIZATION_FIELDS = Set.of(
            "apiVersion",
            "kind",
            "labels",
            "configMapGenerator",
            "resources",
            "components",
            "patches",
            "replacements",
            "images");

    private static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory());

    private final KubernetesFields fields;

    KubernetesManifestsTest() throws IOException {
        fields = new KubernetesFields();
    }

    @TestFactory
    @DisplayName("Are documents that an API server accepts, without unknown fields")
    Stream<DynamicTest> documentsAreValid() throws IOException {
        Set<Path> patches = patches();
        return files(".yaml").stream()
                .filter(file -> !file.endsWith(KUSTOMIZATION))
                .map(file -> DynamicTest.dynamicTest(ROOT.relativize(file).toString(), () -> {
                    List<JsonNode> documents = read(file);
                    assertThat(documents).isNotEmpty();
                    for (JsonNode document : documents) {
                        assertThat(patches.contains(file) ? fields.patchProblems(document) : fields.problems(document))
                                .as(document.path("kind").asText() + " "
                                        + document.at("/metadata/name").asText())
                                .isEmpty();
                    }
                }));
    }

    @TestFactory
    @DisplayName("Would be refused with one more field")
    Stream<DynamicTest> unknownFieldsAreRefused() throws IOException {
        Map<String, JsonNode> kinds = new HashMap<>();
        for (Path file : files(".yaml")) {
            if (!file.endsWith(KUSTOMIZATION)) {
                read(file).forEach(document -> kinds.put(document.path("kind").asText(), document));
            }
        }
        assertThat(kinds.keySet())
                .contains("Deployment", "Kafka", "KafkaNodePool", "KafkaTopic", "KafkaUser", "PodMonitor");
        return kinds.entrySet().stream()
                .filter(kind -> kind.getValue().has("spec"))
                .map(kind -> DynamicTest.dynamicTest(kind.getKey(), () -> {
                    ObjectNode document = kind.getValue().deepCopy();
                    ((ObjectNode) document.path("spec")).put("planted", 1);
                    List<String> problems = KubernetesFields.isCore(document)
                            ? fields.patchProblems(document)
                            : fields.problems(document);
                    assertThat(problems).anyMatch(problem -> problem.contains("planted"));
                }));
    }

    @Test
    @DisplayName("Would be refused with a field of a wrong type, deep in a pod")
    void wrongTypesAreRefused() throws IOException {
        JsonNode worker = read(ROOT.resolve("base/worker.yaml")).get(0).deepCopy();
        ObjectNode container = (ObjectNode) worker.at("/spec/template/spec/containers/0");
        ((ObjectNode) container.path("env").path(0)).put("value", true);
        ((ObjectNode) container.path("securityContext")).put("priviledged", true);
        assertThat(fields.problems(worker))
                .anyMatch(problem -> problem.contains("wrong type") && problem.contains("env[].value"))
                .anyMatch(problem -> problem.contains("unknown field") && problem.contains("priviledged"));
    }

    @Test
    @DisplayName("Are all part of a kustomization, which names no file that does not exist")
    void filesAreListed() throws IOException {
        Set<Path> listed = new TreeSet<>();
        for (Path kustomization : kustomizations()) {
            JsonNode document = read(kustomization).get(0);
            assertThat(document.fieldNames()).toIterable().isSubsetOf(KUSTOMIZATION_FIELDS);
            listed.add(kustomization);
            references(document).forEach(name -> {
                Path file = kustomization.resolveSibling(name).normalize();
                assertThat(file).as(kustomization + " lists " + name).exists();
                if (Files.isDirectory(file)) {
                    assertThat(file.resolve(KUSTOMIZATION)).exists();
                } else {
                    listed.add(file);
                }
            });
        }
        assertThat(files("")).containsExactlyInAnyOrderElementsOf(listed);
    }

    @Test
    @DisplayName("Set only environment variables of Tidemark that are settings")
    void variablesAreSettings() throws IOException {
        List<String> names = new ArrayList<>();
        for (Path file : files(".yaml")) {
            for (JsonNode document : read(file)) {
                document.findValues("env")
                        .forEach(env -> env.forEach(
                                variable -> names.add(variable.path("name").asText())));
                document.path("configMapGenerator")
                        .forEach(map -> map.path("literals")
                                .forEach(literal -> names.add(literal.asText().split("=", 2)[0])));
            }
        }
        assertThat(names)
                .contains("TIDEMARK_ENGINE_DEVICE", "TIDEMARK_TOPICS_CREATE", "KAFKA_SECURITY_PROTOCOL")
                .filteredOn(name -> name.startsWith("TIDEMARK_"))
                .isSubsetOf(SettingNames.environmentVariables());
    }

    @Test
    @DisplayName("Patch only the containers of the base, by their names")
    void patchesFitTheBase() throws IOException {
        JsonNode pod = read(ROOT.resolve("base/worker.yaml")).get(0).at("/spec/template/spec");
        for (Path file : patches()) {
            JsonNode patch = read(file).get(0).at("/spec/template/spec");
            for (String containers : List.of("containers", "initContainers")) {
                assertThat(pod.path(containers).findValuesAsText("name"))
                        .as(file.toString())
                        .containsAll(names(patch.path(containers)));
            }
        }
    }

    private static List<String> names(JsonNode list) {
        List<String> names = new ArrayList<>();
        list.forEach(each -> names.add(each.path("name").asText()));
        return names;
    }

    private static List<String> references(JsonNode kustomization) {
        List<String> names = new ArrayList<>();
        kustomization.path("resources").forEach(name -> names.add(name.asText()));
        kustomization.path("components").forEach(name -> names.add(name.asText()));
        names.addAll(patchFiles(kustomization));
        for (JsonNode map : kustomization.path("configMapGenerator")) {
            map.path("envs").forEach(name -> names.add(name.asText()));
            map.path("files").forEach(name -> names.add(name.asText().replaceFirst("^.*=", "")));
        }
        return names;
    }

    /** Patches that are files; others are written in the kustomization. */
    private static List<String> patchFiles(JsonNode kustomization) {
        return kustomization.path("patches").findValuesAsText("path");
    }

    private static Set<Path> patches() throws IOException {
        Set<Path> patches = new TreeSet<>();
        for (Path kustomization : kustomizations()) {
            patchFiles(read(kustomization).get(0)).forEach(name -> patches.add(kustomization.resolveSibling(name)));
        }
        return patches;
    }

    private static List<Path> kustomizations() throws IOException {
        return files(KUSTOMIZATION);
    }

    /** The files with a suffix, without tests of rules, which are not applied. */
    private static List<Path> files(String suffix) throws IOException {
        try (Stream<Path> files = Files.walk(ROOT)) {
            return files.filter(Files::isRegularFile)
                    .filter(file -> !file.toString().endsWith("_test.yaml"))
                    .filter(file -> file.toString().endsWith(suffix))
                    .sorted()
                    .toList();
        }
    }

    private static List<JsonNode> read(Path file) throws IOException {
        try (MappingIterator<JsonNode> documents =
                YAML.readerFor(JsonNode.class).readValues(file.toFile())) {
            return documents.readAll();
        }
    }
}
