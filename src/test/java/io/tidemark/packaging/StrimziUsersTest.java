package io.tidemark.packaging;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The other direction, that these rights suffice, is what SecuredClusterIT tests. */
@DisplayName("The users of the Strimzi component")
class StrimziUsersTest {

    private static final Path FILE = Path.of("k8s/components/strimzi/users.yaml");
    private static final Path PAGE = Path.of("docs/configuration.md");
    private static final Pattern OPERATION = Pattern.compile("[A-Z][A-Z_]+");
    private static final Pattern TOPIC = Pattern.compile("^`([a-z-]+)`");
    private static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory());

    @ParameterizedTest(name = "{0}")
    @ValueSource(strings = {"worker", "calibrator", "client", "validation", "operator", "publisher", "scaler"})
    @DisplayName("Have the rights in docs/configuration.md of a process that creates no topics")
    void rightsAreThoseOfThePage(String role) throws IOException {
        assertThat(granted().get("tidemark-" + role)).isEqualTo(documented(role));
    }

    @Test
    @DisplayName("Are the seven of the page, with SCRAM-SHA-512, which the listener requires")
    void users() throws IOException {
        assertThat(granted().keySet())
                .containsExactlyInAnyOrder(
                        "tidemark-worker",
                        "tidemark-calibrator",
                        "tidemark-client",
                        "tidemark-validation",
                        "tidemark-operator",
                        "tidemark-publisher",
                        "tidemark-scaler");
        for (JsonNode user : read(FILE)) {
            assertThat(user.at("/spec/authentication/type").asText()).isEqualTo("scram-sha-512");
            assertThat(user.at("/metadata/labels").path("strimzi.io/cluster").asText())
                    .isEqualTo("tidemark-kafka");
        }
        JsonNode kafka = read(FILE.resolveSibling("kafka.yaml")).get(1).at("/spec/kafka");
        assertThat(kafka.path("listeners")).hasSize(1);
        assertThat(kafka.at("/listeners/0/tls").asBoolean()).isTrue();
        assertThat(kafka.at("/listeners/0/authentication/type").asText()).isEqualTo("scram-sha-512");
        assertThat(kafka.at("/authorization/type").asText()).isEqualTo("simple");
    }

    @Test
    @DisplayName("Can move a boundary if they are that of the calibrator, of validation or of the operator")
    void boundaries() throws IOException {
        assertThat(granted().entrySet())
                .filteredOn(user -> List.of("topic validation-batches", "topic adapter-boundaries").stream()
                        .anyMatch(topic ->
                                user.getValue().getOrDefault(topic, Set.of()).contains("WRITE")))
                .extracting(Map.Entry::getKey)
                .containsExactlyInAnyOrder("tidemark-calibrator", "tidemark-validation", "tidemark-operator");
    }

    @Test
    @DisplayName("Can change what the names of adapters stand for if they are that of the operator or the publisher")
    void adapters() throws IOException {
        assertThat(writersOf("adapters")).containsExactlyInAnyOrder("tidemark-operator", "tidemark-publisher");
        assertThat(writersOf("worker-state")).containsExactlyInAnyOrder("tidemark-worker", "tidemark-calibrator");
    }

    private static List<String> writersOf(String topic) throws IOException {
        return granted().entrySet().stream()
                .filter(user ->
                        user.getValue().getOrDefault("topic " + topic, Set.of()).contains("WRITE"))
                .map(Map.Entry::getKey)
                .toList();
    }

    @Test
    @DisplayName("Have rights on the groups and the request topic that the base sets")
    void settings() throws IOException {
        Properties settings = new Properties();
        try (Reader file = Files.newBufferedReader(Path.of("k8s/base/settings.env"))) {
            settings.load(file);
        }
        assertThat(granted().get("tidemark-worker"))
                .containsKeys(
                        "group " + settings.getProperty("TIDEMARK_WORKER_GROUP"),
                        "transactionalId " + settings.getProperty("TIDEMARK_WORKER_GROUP") + "/*",
                        "topic " + settings.getProperty("TIDEMARK_TOPICS_GENERATION_REQUESTS"));
        assertThat(granted().get("tidemark-calibrator"))
                .containsKeys(
                        "group " + settings.getProperty("TIDEMARK_CALIBRATOR_GROUP"),
                        "transactionalId " + settings.getProperty("TIDEMARK_CALIBRATOR_GROUP") + "-*");
    }

    /** Operations by resource, such as {@code topic generation-requests}, by user. */
    private static Map<String, Map<String, Set<String>>> granted() throws IOException {
        Map<String, Map<String, Set<String>>> users = new TreeMap<>();
        for (JsonNode user : read(FILE)) {
            Map<String, Set<String>> rights = new TreeMap<>();
            for (JsonNode acl : user.at("/spec/authorization/acls")) {
                JsonNode resource = acl.path("resource");
                Set<String> operations = new TreeSet<>();
                acl.path("operations")
                        .forEach(operation -> operations.add(operation
                                .asText()
                                .replaceAll("(?<=[a-z])(?=[A-Z])", "_")
                                .toUpperCase(Locale.ROOT)));
                rights.put(
                        resource.path("type").asText() + " "
                                + resource.path("name").asText()
                                + (resource.path("patternType").asText().equals("prefix") ? "*" : ""),
                        operations);
            }
            users.put(user.at("/metadata/name").asText(), rights);
        }
        return users;
    }

    /** The column of a role in the table of rights, with the default names. */
    private static Map<String, Set<String>> documented(String role) throws IOException {
        List<List<String>> table = table();
        int column = table.get(0).indexOf(role);
        Map<String, Set<String>> rights = new TreeMap<>();
        Set<String> onEachTopic = new TreeSet<>();
        for (List<String> row : table.subList(2, table.size())) {
            String resource = row.get(0);
            Set<String> operations = operations(row.get(column));
            if (resource.startsWith("the topics above")) {
                onEachTopic.addAll(operations);
            } else if (!operations.isEmpty()) {
                name(resource, role).ifPresent(name -> rights.put(name, operations));
            }
        }
        rights.forEach((resource, operations) -> {
            if (resource.startsWith("topic ")) {
                operations.addAll(onEachTopic);
            }
        });
        return rights;
    }

    /** The resource of a row; empty for those that a process without new topics and reply topics does not use. */
    private static Optional<String> name(String row, String role) {
        Matcher topic = TOPIC.matcher(row);
        if (topic.find()) {
            return Optional.of("topic " + topic.group(1));
        }
        return Stream.of(
                        Map.entry("cluster", "cluster "),
                        Map.entry("group of the workers", "group tidemark-workers"),
                        Map.entry("group of the calibrators", "group tidemark-calibrators"),
                        Map.entry("group of a client", "group tidemark-client-*"),
                        Map.entry("request topics", "topic generation-requests"),
                        Map.entry(
                                "transactional ids",
                                "transactionalId "
                                        + (role.equals("worker") ? "tidemark-workers/*" : "tidemark-calibrators-*")))
                .filter(known -> row.startsWith(known.getKey()))
                .map(Map.Entry::getValue)
                .findFirst();
    }

    private static Set<String> operations(String cell) {
        Set<String> operations = new TreeSet<>();
        Matcher operation = OPERATION.matcher(cell);
        while (operation.find()) {
            operations.add(operation.group());
        }
        return operations;
    }

    /** The cells of the rows, the header and the line below it included. */
    private static List<List<String>> table() throws IOException {
        List<List<String>> rows = new ArrayList<>();
        for (String line : Files.readAllLines(PAGE)) {
            boolean starts = line.startsWith("| resource | worker |");
            if (starts || (!rows.isEmpty() && line.startsWith("|"))) {
                rows.add(Arrays.stream(line.substring(1).split("\\|", -1))
                        .map(String::strip)
                        .toList());
            } else if (!rows.isEmpty()) {
                return rows;
            }
        }
        throw new AssertionError("no table of rights in " + PAGE);
    }

    private static List<JsonNode> read(Path file) throws IOException {
        try (MappingIterator<JsonNode> documents =
                YAML.readerFor(JsonNode.class).readValues(file.toFile())) {
            return documents.readAll();
        }
    }
}
