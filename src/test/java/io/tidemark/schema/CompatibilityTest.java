package io.tidemark.schema;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Compares the AsyncAPI document with its copy at release 0.1, by the rules of docs/topics.md. */
@DisplayName("The AsyncAPI document, compared with that of release 0.1")
class CompatibilityTest {

    /** Records that clients write and Tidemark reads. */
    private static final Set<String> FROM_CLIENTS = Set.of("request", "cancellation", "validationBatch");
    /** Records that Tidemark writes and clients read. */
    private static final Set<String> FROM_TIDEMARK = Set.of("event", "result", "deadLetter");

    private static final Set<String> MAXIMA = Set.of("maximum", "maxLength", "maxItems", "maxProperties");
    private static final Set<String> MINIMA = Set.of("minimum", "exclusiveMinimum", "minLength", "minItems");

    private final AsyncApi released = AsyncApi.released("0.1");

    @Test
    @DisplayName("Accepts the examples of the release, and the release accepts its examples")
    void examples() {
        assertThat(released.examples())
                .isNotEmpty()
                .allSatisfy(old -> assertThat(AsyncApi.current().problems(old)).isEmpty());
        assertThat(AsyncApi.current().examples())
                .filteredOn(example -> released.addresses().contains(example.topic()))
                .allSatisfy(example -> assertThat(released.problems(example)).isEmpty());
    }

    @Test
    @DisplayName("Removes no field that is not deprecated, and changes no type, requirement or accepted value of one")
    void fields() {
        assertThat(changes(AsyncApi.current())).isEmpty();
    }

    @ParameterizedTest(name = "{0} {1} {2}")
    @DisplayName("Is reported if it removes a field, changes its type, or requires more of clients or less of Tidemark")
    @CsvSource(delimiter = '|', textBlock = """
            request         | max_tokens      | removed
            request         | max_tokens      | string
            request         | stream          | required
            validation-batch| adapter         | string or null
            result          | created         | removed
            result          | created         | optional
            provenance      | attempt         | string
            boundary-record | reason          | required
            calibration-state | version       | optional
            chat-turn       | role            | fewer values
            request         | n               | smaller range
            """)
    void reported(String schema, String field, String change) {
        AsyncApi changed = edited(definitions -> edit((ObjectNode) definitions.get(schema), field, change));
        boolean allowed = change.equals("string or null"); // readers accept more of clients
        assertThat(changes(changed).isEmpty()).isEqualTo(allowed);
    }

    @Test
    @DisplayName("May have more optional fields")
    void moreFields() {
        AsyncApi changed = edited(definitions -> definitions.forEach(definition -> {
            if (definition.path("properties") instanceof ObjectNode properties) {
                properties.putObject("x_later").put("type", "string");
            }
        }));
        assertThat(changes(changed)).isEmpty();
    }

    private AsyncApi edited(Consumer<JsonNode> edit) {
        JsonNode document = released.document();
        edit.accept(document.at("/components/schemas"));
        return new AsyncApi(document);
    }

    private static void edit(ObjectNode schema, String field, String change) {
        ObjectNode properties = (ObjectNode) schema.get("properties");
        ObjectNode property = (ObjectNode) properties.get(field);
        List<String> required = new ArrayList<>();
        schema.path("required").forEach(name -> required.add(name.asText()));
        switch (change) {
            case "removed" -> properties.remove(field);
            case "required" -> required.add(field);
            case "optional" -> required.remove(field);
            case "smaller range" -> property.put("maximum", 1);
            case "fewer values" -> property.withArray("enum").remove(0);
            case "string or null" -> property.putArray("type").add("string").add("null");
            default -> property.put("type", change);
        }
        schema.remove("required");
        required.forEach(schema.withArray("required")::add);
    }

    /** What breaks the rules, by the path of the field. */
    private List<String> changes(AsyncApi current) {
        List<String> changes = new ArrayList<>();
        released.messages().forEach((name, message) -> {
            JsonNode now = current.messages().get(name);
            Comparison comparison =
                    new Comparison(current, !FROM_CLIENTS.contains(name), !FROM_TIDEMARK.contains(name), changes);
            comparison.compare(name, message.get("payload"), now.get("payload"));
            if (message.has("headers")) {
                comparison.compare(name + " headers", message.get("headers"), now.get("headers"));
            }
        });
        return changes;
    }

    /**
     * @param toOlder whether older readers read what newer writers write
     * @param toNewer whether newer readers read what older writers have written
     */
    private final class Comparison {

        private final AsyncApi current;
        private final boolean toOlder;
        private final boolean toNewer;
        private final List<String> changes;

        private Comparison(AsyncApi current, boolean toOlder, boolean toNewer, List<String> changes) {
            this.current = current;
            this.toOlder = toOlder;
            this.toNewer = toNewer;
            this.changes = changes;
        }

        void compare(String path, JsonNode oldReference, JsonNode newReference) {
            JsonNode before = released.resolved(oldReference);
            JsonNode now = current.resolved(newReference);
            same(path + ": type", texts(now.path("type")), texts(before.path("type")));
            // readers treat an unknown value of Tidemark as the rules say, so only older values are compared
            if (toNewer && !texts(now.path("enum")).containsAll(texts(before.path("enum")))) {
                changes.add(path + ": values");
            }
            if (toNewer && (isSmaller(MAXIMA, now, before, 1) || isSmaller(MINIMA, now, before, -1))) {
                changes.add(path + ": range");
            }
            // newer readers require no more than older ones, and newer writers write no less
            same(path + ": required", required(released, before), required(current, now));
            Map<String, JsonNode> fields = properties(current, now);
            properties(released, before).forEach((name, field) -> {
                if (fields.containsKey(name)) {
                    compare(path + "." + name, field, fields.get(name));
                } else if (!field.path("deprecated").asBoolean()) {
                    changes.add(path + "." + name + ": removed");
                }
            });
            if (before.has("items")) {
                compare(path + "[]", before.get("items"), now.path("items"));
            }
        }

        /** Reports a difference that matters to newer readers ({@code smaller} has more) or to older ones. */
        private void same(String what, Set<String> larger, Set<String> smaller) {
            if (toNewer && !larger.containsAll(smaller) || toOlder && !smaller.containsAll(larger)) {
                changes.add(what);
            }
        }

        /** Whether one of the limits excludes values that it did not exclude before. */
        private static boolean isSmaller(Set<String> limits, JsonNode now, JsonNode before, int sign) {
            return limits.stream()
                    .filter(now::has)
                    .anyMatch(limit -> !before.has(limit)
                            || sign
                                            * now.get(limit)
                                                    .decimalValue()
                                                    .compareTo(before.get(limit).decimalValue())
                                    < 0);
        }

        private Set<String> required(AsyncApi api, JsonNode schema) {
            Set<String> required = new TreeSet<>(texts(schema.path("required")));
            schema.path("allOf").forEach(part -> required.addAll(required(api, api.resolved(part))));
            return required;
        }

        private Map<String, JsonNode> properties(AsyncApi api, JsonNode schema) {
            Map<String, JsonNode> properties = new HashMap<>();
            schema.path("allOf").forEach(part -> properties.putAll(properties(api, api.resolved(part))));
            schema.path("properties").properties().forEach(each -> properties.put(each.getKey(), each.getValue()));
            return properties;
        }

        private static Set<String> texts(JsonNode node) {
            Set<String> texts = new TreeSet<>();
            if (node.isArray()) {
                node.forEach(element -> texts.add(element.toString()));
            } else if (!node.isMissingNode()) {
                texts.add(node.toString());
            }
            return texts;
        }
    }
}
