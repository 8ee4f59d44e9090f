package io.tidemark.grammar;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.message.AnswerFormat;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * The JSON-Schema-Test-Suite, draft 2020-12, as data. Formats are asserted, so {@code format.json}, whose formats are
 * annotations, counts as valid instances that are refused.
 */
@DisplayName("The JSON-Schema-Test-Suite")
class JsonSchemaSuiteTest {

    private static final Path SUITE = Path.of("src/test/resources/json-schema-test-suite/draft2020-12");
    private static final ObjectMapper JSON =
            new ObjectMapper().enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS);

    private int schemas;
    private final Map<String, Integer> refusedSchemas = new TreeMap<>();
    private int validAccepted;
    private int invalidRefused;
    private final Map<String, Integer> validRefused = new TreeMap<>();
    private final List<String> unexplained = new ArrayList<>();
    private final List<String> invalidAccepted = new ArrayList<>();

    @Test
    @DisplayName("Has no schema of which an invalid instance is accepted; a valid one is refused for a known reason")
    void required() throws IOException {
        run(SUITE, 1);
        report("required tests");
        assertThat(invalidAccepted).isEmpty();
        assertThat(unexplained).isEmpty();
        assertThat(validAccepted).isGreaterThan(300);
    }

    @Test
    @DisplayName("Has no optional schema or format of which an invalid instance is accepted")
    void optional() throws IOException {
        run(SUITE.resolve("optional"), 2);
        report("optional tests");
        assertThat(invalidAccepted).isEmpty();
    }

    private void run(Path folder, int depth) throws IOException {
        try (Formats formats = Formats.of(Tokenizers.BYTE_LEVEL);
                Stream<Path> files = Files.walk(folder, depth)) {
            for (Path file : files.filter(each -> each.toString().endsWith(".json"))
                    .sorted()
                    .toList()) {
                for (JsonNode group : JSON.readTree(file.toFile())) {
                    run(formats, SUITE.relativize(file).toString(), group);
                }
            }
        }
    }

    private void run(Formats formats, String file, JsonNode group) {
        schemas++;
        String name = file + ": " + group.path("description").asText();
        CompiledGrammar grammar;
        try {
            grammar = formats.compiler()
                    .compile(new AnswerFormat.JsonSchema(group.path("schema").toString()));
        } catch (GrammarException e) {
            refusedSchemas.merge(keyword(e.getMessage()), 1, Integer::sum);
            return;
        }
        for (JsonNode test : group.path("tests")) {
            boolean accepted = formats.accepts(grammar, test.path("data").toString());
            String instance = name + ": " + test.path("description").asText();
            if (!test.path("valid").booleanValue()) {
                if (accepted) {
                    invalidAccepted.add(instance + " " + test.path("data"));
                } else {
                    invalidRefused++;
                }
            } else if (accepted) {
                validAccepted++;
            } else {
                Optional<String> reason = reason(formats, grammar, file, group.path("schema"), test.path("data"));
                reason.ifPresentOrElse(
                        known -> validRefused.merge(known, 1, Integer::sum),
                        () -> unexplained.add(instance + " " + test.path("data")));
            }
        }
        grammar.close();
    }

    /** Why a valid instance is refused: the change that makes it acceptable. */
    private static Optional<String> reason(
            Formats formats, CompiledGrammar grammar, String file, JsonNode schema, JsonNode data) {
        if (file.equals("format.json")) {
            return Optional.of("a format is asserted");
        }
        if (formats.accepts(grammar, integers(data).toString())) {
            return Optional.of("1.0 as an integer");
        }
        Set<String> order = new LinkedHashSet<>();
        collectNames(schema, order);
        if (formats.accepts(grammar, ordered(data, order).toString())) {
            return Optional.of("order of keys");
        }
        if (data.toString().matches("(?s).*\\\\u00[01].*|.*\u007f.*")) {
            return Optional.of("a control character");
        }
        return Optional.empty();
    }

    private static JsonNode integers(JsonNode data) {
        if (data.isObject()) {
            ObjectNode copy = JsonNodeFactory.instance.objectNode();
            data.fields().forEachRemaining(each -> copy.set(each.getKey(), integers(each.getValue())));
            return copy;
        }
        if (data.isArray()) {
            var copy = JsonNodeFactory.instance.arrayNode();
            data.forEach(each -> copy.add(integers(each)));
            return copy;
        }
        boolean whole =
                data.isNumber() && data.decimalValue().stripTrailingZeros().scale() <= 0;
        return whole ? JsonNodeFactory.instance.numberNode(data.decimalValue().toBigInteger()) : data;
    }

    private static void collectNames(JsonNode schema, Set<String> names) {
        schema.fields().forEachRemaining(each -> {
            if (each.getKey().equals("properties")) {
                each.getValue().fieldNames().forEachRemaining(names::add);
            }
            if (each.getKey().equals("const") || each.getKey().equals("enum")) {
                collectKeys(each.getValue(), names);
            }
            collectNames(each.getValue(), names);
        });
        if (schema.isArray()) {
            schema.forEach(each -> collectNames(each, names));
        }
        schema.path("required").forEach(each -> names.add(each.asText()));
    }

    private static void collectKeys(JsonNode value, Set<String> names) {
        value.fieldNames().forEachRemaining(names::add);
        value.forEach(each -> collectKeys(each, names));
    }

    /** Keys in the order of a list, then the others. */
    private static JsonNode ordered(JsonNode data, Set<String> order) {
        if (data.isArray()) {
            var copy = JsonNodeFactory.instance.arrayNode();
            data.forEach(each -> copy.add(ordered(each, order)));
            return copy;
        }
        if (!data.isObject()) {
            return data;
        }
        ObjectNode copy = JsonNodeFactory.instance.objectNode();
        order.stream().filter(data::has).forEach(name -> copy.set(name, ordered(data.get(name), order)));
        data.fields().forEachRemaining(each -> {
            if (!copy.has(each.getKey())) {
                copy.set(each.getKey(), ordered(each.getValue(), order));
            }
        });
        return copy;
    }

    private static String keyword(String message) {
        return message.startsWith("'")
                ? message.substring(1, message.indexOf('\'', 1))
                : message.replaceAll(" \\(at .*| at #.*", "").replaceAll("(?s)\\n.*", "");
    }

    private void report(String which) {
        System.out.println(which + ": " + schemas + " schemas, "
                + refusedSchemas.values().stream().mapToInt(each -> each).sum() + " refused " + refusedSchemas
                + "; valid instances: " + validAccepted + " accepted, refused " + validRefused + ", unexplained "
                + unexplained.size() + "; invalid instances: " + invalidRefused + " refused, "
                + invalidAccepted.size() + " accepted");
        unexplained.forEach(each -> System.out.println("  valid, refused: " + each));
        invalidAccepted.forEach(each -> System.out.println("  INVALID, accepted: " + each));
    }
}
