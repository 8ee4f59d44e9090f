package io.tidemark.schema;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@DisplayName("The AsyncAPI document")
class AsyncApiTest {

    private final AsyncApi api = AsyncApi.current();

    @Test
    @DisplayName("Has only references that resolve within itself")
    void references() {
        List<String> references = api.document().findValuesAsText("$ref");
        assertThat(api.document().path("asyncapi").asText()).isEqualTo("3.0.0");
        assertThat(references).hasSizeGreaterThan(30).allSatisfy(reference -> {
            assertThat(reference).startsWith("#/");
            assertThat(api.document().at(reference.substring(1)).isMissingNode())
                    .as(reference)
                    .isFalse();
        });
    }

    @Test
    @DisplayName("Refers to every message and schema that it has")
    void noOrphans() {
        Set<String> unused = new HashSet<>();
        for (String kind : List.of("messages", "schemas")) {
            api.document()
                    .at("/components/" + kind)
                    .fieldNames()
                    .forEachRemaining(name -> unused.add("#/components/" + kind + "/" + name));
        }
        unused.removeAll(api.document().findValuesAsText("$ref"));
        assertThat(unused).isEmpty();
    }

    @Test
    @DisplayName("Has no other keyword beside a reference, because draft 7 ignores it")
    void loneReferences() {
        List<JsonNode> references = api.document().findParents("$ref");
        assertThat(references).allSatisfy(reference -> assertThat(reference).hasSize(1));
    }

    @Test
    @DisplayName("Has valid examples of every message with a value")
    void examples() {
        assertThat(api.messages()).allSatisfy((name, message) -> {
            if (!name.endsWith("Tombstone")) {
                assertThat(message.path("examples")).isNotEmpty();
            }
        });
        assertThat(api.examples())
                .allSatisfy(example -> assertThat(api.problems(example)).isEmpty());
    }

    @Test
    @DisplayName("Accepts records without a key or with any bytes where any key works, and tombstones of tables only")
    void keysAndTombstones() {
        assertThat(api.examples())
                .filteredOn(example -> Set.of("generation-requests", "generation-cancellations", "validation-batches")
                        .contains(example.topic()))
                .hasSize(6)
                .allSatisfy(example -> {
                    assertThat(api.problems(example.withKey((byte[]) null))).isEmpty();
                    assertThat(api.problems(example.withKey(new byte[] {-1}))).isEmpty();
                });
        List<String> tables = new ArrayList<>();
        for (TopicRecord example : api.examples()) {
            if (api.problems(example.withValue(null)).isEmpty()) {
                tables.add(example.topic());
            }
        }
        assertThat(tables)
                .containsOnly(
                        "adapter-boundaries",
                        "calibration-state",
                        "adapters",
                        "worker-state",
                        "generation-dead-letters",
                        "validation-dead-letters");
    }

    static Stream<PlantedFault> faults() {
        return PlantedFault.all().stream();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("faults")
    @DisplayName("Refuses a record with a wrong key, value or header")
    void wrongRecords(PlantedFault fault) {
        TopicRecord record = example(fault.topic());
        assertThat(api.problems(fault.plant().apply(record))).isNotEmpty();
    }

    @Test
    @DisplayName("Is tested with wrong records of every topic")
    void everyTopicHasFaults() {
        assertThat(PlantedFault.all().stream().map(PlantedFault::topic).collect(Collectors.toSet()))
                .containsExactlyInAnyOrderElementsOf(api.addresses());
    }

    private TopicRecord example(String topic) {
        return api.examples().stream()
                .filter(example -> example.topic().equals(topic))
                .findFirst()
                .orElseThrow();
    }
}
