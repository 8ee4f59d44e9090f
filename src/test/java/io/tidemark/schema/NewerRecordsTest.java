package io.tidemark.schema;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.calibration.rule.CalibrationState;
import io.tidemark.message.AdapterRecord;
import io.tidemark.message.BoundaryDecisionRecord;
import io.tidemark.message.CalibrationStateRecord;
import io.tidemark.message.CancellationMessage;
import io.tidemark.message.CompletionResult;
import io.tidemark.message.ErrorResult;
import io.tidemark.message.EventMessage;
import io.tidemark.message.Parsed;
import io.tidemark.message.RequestMessage;
import io.tidemark.message.TableEntry;
import io.tidemark.message.TopicJson;
import io.tidemark.message.ValidationBatch;
import io.tidemark.message.WorkerStateRecord;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A newer version adds fields to objects and headers to records. These tests stand for an older reader. */
@DisplayName("A record of a newer version")
class NewerRecordsTest {

    private static final String UNKNOWN = "x_later";

    /** A map of token ids: its fields are not those of a record. */
    private static final Set<String> MAPS = Set.of("logit_bias", "settings");
    /** Also objects that readers pass on as they are: to chat templates, or as the message of an assistant. */
    private static final Set<String> PASSED_ON = Set.of("logit_bias", "settings", "tools", "tool_calls", "message");

    private static final int MAX_BYTES = 1 << 20;

    static Stream<TopicRecord> examples() {
        return AsyncApi.current().examples().stream();
    }

    /** A reader of {@code adapters} refuses unknown fields, see {@link #adapterRecordsAreRefused}. */
    static Stream<TopicRecord> values() {
        return examples()
                .filter(example -> !example.topic().endsWith("dead-letters"))
                .filter(example -> !example.topic().equals("adapters"));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("values")
    @DisplayName("Satisfies the schema of an older reader with unknown fields in every object")
    void schemasAcceptUnknownFields(TopicRecord record) {
        TopicRecord newer = newer(record, MAPS);
        assertSatisfies(newer);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("examples")
    @DisplayName("Satisfies the schema of an older reader with an unknown header of any bytes")
    void schemasAcceptUnknownHeaders(TopicRecord record) {
        TopicRecord newer = record.withHeader("x-later", new byte[] {-1});
        assertSatisfies(newer);
    }

    /** The current schema, and that of the release if it has the topic. */
    private static void assertSatisfies(TopicRecord record) {
        assertThat(AsyncApi.current().problems(record)).isEmpty();
        AsyncApi released = AsyncApi.released("0.1");
        if (released.addresses().contains(record.topic())) {
            assertThat(released.problems(record)).isEmpty();
        }
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("values")
    @DisplayName("Is read like the same record without its unknown fields")
    void readersIgnoreUnknownFields(TopicRecord record) {
        Object known = read(record);
        assertThat(known).isNotInstanceOfAny(Parsed.Invalid.class, TableEntry.Broken.class);
        assertThat(read(newer(record, PASSED_ON))).isEqualTo(known);
        assertThat(read(newer(record, MAPS))).isNotInstanceOf(Parsed.Invalid.class);
    }

    @Test
    @DisplayName("Is refused on 'adapters': an older worker would serve something else than the record says")
    void adapterRecordsAreRefused() {
        assertThat(examples().filter(example -> example.topic().equals("adapters")))
                .hasSize(2)
                .allSatisfy(record -> {
                    TopicRecord newer = record.with(json -> json.put(UNKNOWN, 3));
                    assertThat(AdapterRecord.parse(record.value())).isInstanceOf(Parsed.Valid.class);
                    assertThat(AdapterRecord.parse(newer.value())).isInstanceOf(Parsed.Invalid.class);
                    assertThat(AsyncApi.current().problems(newer)).isNotEmpty();
                });
    }

    @Test
    @DisplayName("Keeps its unknown fields if it is a calibration state that an older calibrator continues")
    void statesKeepUnknownFields() {
        TopicRecord record = examples()
                .filter(example -> example.topic().equals("calibration-state"))
                .findFirst()
                .orElseThrow()
                .with(json -> json.put(UNKNOWN, 3));
        CalibrationState state = CalibrationState.of(CalibrationStateRecord.parse(record.keyText(), record.value()));
        assertThat(new TopicRecord(record.topic(), record.key(), TopicJson.write(state.toRecord()), List.of())
                        .json()
                        .path(UNKNOWN)
                        .asInt())
                .isEqualTo(3);
    }

    @Test
    @DisplayName("Is tested with unknown fields in the objects of all levels")
    void everyLevel() {
        List<String> changed = new ArrayList<>();
        values().forEach(record -> collect(record.topic(), newer(record, MAPS).json(), changed));
        assertThat(changed)
                .contains(
                        "generation-requests",
                        "generation-requests/messages/content",
                        "generation-requests/response_format",
                        "generation-requests/structured_outputs",
                        "generation-events",
                        "generation-results/choices/logprobs/content/top_logprobs",
                        "generation-results/choices/message",
                        "generation-results/error",
                        "generation-results/tidemark/source",
                        "generation-results/usage/prompt_tokens_details",
                        "generation-cancellations/source",
                        "validation-batches/examples/messages",
                        "adapter-boundaries",
                        "adapter-boundaries/version",
                        "adapter-boundaries/decision/test",
                        "adapter-boundaries/decision/certification",
                        "adapter-boundaries/decision/evidence",
                        "adapter-boundaries/decision/scores",
                        "boundary-decisions/version",
                        "boundary-decisions/epoch",
                        "boundary-decisions/watch",
                        "boundary-decisions/boundaries",
                        "boundary-decisions/evidence",
                        "worker-state",
                        "worker-state/base",
                        "worker-state/adapters",
                        "calibration-state/version",
                        "calibration-state/claim");
    }

    /** What the reader of the topic makes of a record. */
    private static Object read(TopicRecord record) {
        return switch (record.topic()) {
            case "generation-requests" -> RequestMessage.parse(record.value(), MAX_BYTES);
            case "generation-events" -> result(record, EventMessage.class);
            case "generation-results" ->
                result(
                        record,
                        record.json().path("object").asText().equals(ErrorResult.ERROR)
                                ? ErrorResult.class
                                : CompletionResult.class);
            case "generation-cancellations" -> CancellationMessage.parse(record.value());
            case "validation-batches" -> ValidationBatch.parse(record.value(), MAX_BYTES, 10);
            case "adapter-boundaries" -> TableEntry.parse(record.keyText(), record.value());
            case "boundary-decisions" -> BoundaryDecisionRecord.parse(record.keyText(), record.value());
            case "calibration-state" ->
                withoutOtherFields(CalibrationStateRecord.parse(record.keyText(), record.value()));
            case "worker-state" ->
                result(
                        record,
                        record.keyText().endsWith(WorkerStateRecord.HEARTBEAT_SUFFIX)
                                ? WorkerStateRecord.Heartbeat.class
                                : WorkerStateRecord.class);
            default -> throw new IllegalArgumentException(record.topic());
        };
    }

    private static Object result(TopicRecord record, Class<?> type) {
        return TopicJson.read(record.value(), type);
    }

    private static CalibrationStateRecord withoutOtherFields(CalibrationStateRecord state) {
        return new CalibrationStateRecord(
                state.adapter(),
                state.inputPartition(),
                state.version(),
                state.countedBatches(),
                state.settings(),
                state.claim(),
                state.epoch(),
                state.shadow(),
                Map.of());
    }

    private static TopicRecord newer(TopicRecord record, Set<String> without) {
        return record.with(json -> addUnknownFields(json, without));
    }

    private static void addUnknownFields(JsonNode node, Set<String> without) {
        node.properties().forEach(field -> {
            if (!without.contains(field.getKey())) {
                addUnknownFields(field.getValue(), without);
            }
        });
        if (node instanceof ObjectNode object) {
            object.putObject(UNKNOWN).putArray("a").add(1);
        } else if (node.isArray()) {
            node.forEach(element -> addUnknownFields(element, without));
        }
    }

    private static void collect(String path, JsonNode node, List<String> changed) {
        if (node.has(UNKNOWN)) {
            changed.add(path);
        }
        node.properties().forEach(field -> collect(path + "/" + field.getKey(), field.getValue(), changed));
        if (node.isArray()) {
            node.forEach(element -> collect(path, element, changed));
        }
    }
}
