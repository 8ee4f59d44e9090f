package io.tidemark.message;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.schema.Schema;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SchemaTest {

    @Test
    @DisplayName("Every record that Tidemark writes satisfies the schema of its topic")
    void writtenRecords() {
        Input chat = Samples.chat(new ChatTurn("user", "hi"));
        satisfies("request", Samples.request(new Input.Prompt("p"), OptionalInt.empty()));
        satisfies("request", Samples.request(chat, OptionalInt.of(0)));
        ChatTurn call = new ChatTurn(Map.of(
                "role",
                "assistant",
                "tool_calls",
                List.of(Map.of("function", Map.of("name", "f", "arguments", Map.of())))));
        satisfies(
                "request",
                Samples.request(
                        new Input.Messages(List.of(call), List.of(Map.of("type", "function"))), OptionalInt.empty()));
        satisfies("event", new EventMessage("r", 3, 0, 7, "t", Optional.empty()));
        satisfies("event", new EventMessage("r", 3, 0, 8, "", Optional.of("stop")));
        satisfies("result", Samples.completion());
        satisfies("result", Samples.chatCompletion());
        satisfies("result", Samples.error());
        satisfies(
                "cancellation",
                new CancellationMessage(Optional.of("r"), Optional.empty(), Optional.of("changed my mind")));
        satisfies("cancellation", CancellationMessage.ofId("r"));
        satisfies("cancellation", CancellationMessage.ofSource(new Provenance.Source("generation-requests", 3, 17)));
        satisfies(
                "validation-batch",
                new ValidationBatch(
                        "b",
                        "a",
                        List.of(
                                new ValidationBatch.Example(new Input.Prompt("p"), "c"),
                                new ValidationBatch.Example(chat, "c"))));
        String digest = "3fa2".repeat(16);
        satisfies(
                "adapter-record",
                new AdapterRecord.Stored("s3://b/a", digest, digest, Map.of("k", "v"), AdapterRecord.Options.NONE));
        satisfies(
                "adapter-record",
                new AdapterRecord.Alias(List.of(new AdapterRecord.Target("a", 1)), Optional.of("user")));
        satisfies(
                "worker-state",
                new WorkerStateRecord(
                        "w",
                        "all",
                        "0.1.0",
                        new WorkerStateRecord.Base("m", digest, 2048, 4, "fp32", "torch"),
                        Instant.EPOCH,
                        0,
                        List.of(new WorkerStateRecord.Adapter(
                                "a",
                                WorkerStateRecord.State.READY,
                                Optional.of(digest),
                                OptionalLong.of(7),
                                Optional.of(digest),
                                OptionalInt.of(3),
                                Optional.of("not_found"),
                                Optional.of("why"))),
                        3));
        satisfies("worker-heartbeat", new WorkerStateRecord.Heartbeat(Instant.EPOCH, 1, 2));
        ErrorBody error = ErrorBody.invalidRequest("unknown_adapter", "model", "no adapter");
        satisfies(
                "dead-letter-headers",
                DeadLetterHeaders.of(error, "t", 0, 5, null).asMap());
    }

    @ParameterizedTest(name = "{1} with an invalid {0}")
    @DisplayName("A record with a missing or invalid field violates its schema")
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            text          | event            | {"id": "r", "attempt": 1, "choice": 0, "sequence": 0}
            sequence      | event            | {"id": "r", "attempt": 1, "choice": 0, "sequence": -1, "text": ""}
            finish_reason | event            | {"id": "r", "attempt": 1, "choice": 0, "sequence": 0, "text": "", "finish_reason": "x"}
            id            | cancellation     | {"reason": "x"}
            id            | cancellation     | {"id": ""}
            source        | cancellation     | {"id": "r", "source": {"topic": "t", "partition": 0, "offset": 0}}
            source        | cancellation     | {"id": null, "source": null}
            source.offset | cancellation     | {"source": {"topic": "t", "partition": 0}}
            source.offset | cancellation     | {"source": {"topic": "t", "partition": 0, "offset": -1}}
            examples      | validation-batch | {"batch_id": "b", "adapter": "a", "examples": []}
            completion    | validation-batch | {"batch_id": "b", "adapter": "a", "examples": [{"prompt": "p"}]}
            prompt        | validation-batch | {"batch_id": "b", "adapter": "a", "examples": [{"completion": "c"}]}
            tidemark.size | dead-letter-headers  | {"tidemark.error.code": "x"}
            tidemark      | result           | {"id": "r", "object": "error", "created": 1, "error": {"type": "t", "code": "c", "message": "m"}}
            source        | result           | {"id": "r", "object": "error", "created": 1, "error": {"type": "t", "code": "c", "message": "m"}, "tidemark": {"base_model": "m", "worker": "w", "attempt": 1}}
            error         | result           | {"id": "r", "object": "error", "created": 1, "tidemark": {"source": {"topic": "t", "partition": 0, "offset": 1}, "base_model": "m", "worker": "w", "attempt": 1}}
            choices       | result           | {"id": "r", "object": "text_completion", "created": 1, "model": "m", "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2, "prompt_tokens_details": {"cached_tokens": 0}}, "tidemark": {"source": {"topic": "t", "partition": 0, "offset": 1}, "base_model": "m", "worker": "w", "attempt": 1}}
            total_tokens  | result           | {"id": "r", "object": "text_completion", "created": 1, "model": "m", "choices": [{"index": 0, "text": "t", "finish_reason": "stop"}], "usage": {"prompt_tokens": 1, "completion_tokens": 1, "cached_tokens": 0}, "tidemark": {"source": {"topic": "t", "partition": 0, "offset": 1}, "base_model": "m", "worker": "w", "attempt": 1}}
            error.type    | result           | {"id": "r", "object": "error", "created": 1, "error": {"type": "invalid_request", "code": "c", "message": "m"}, "tidemark": {"source": {"topic": "t", "partition": 0, "offset": 1}, "base_model": "m", "worker": "w", "attempt": 1}}
            """)
    void brokenRecords(String field, String schema, String record) {
        assertThat(Schema.named(schema).problems(record)).as(field).isNotEmpty();
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("The request schema rejects every field that the parser rejects")
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = RefusedRequests.WRONG_FIELDS)
    void wrongFields(String field, String code) {
        assertThat(Schema.named("request").problems("{\"model\": \"m\", \"prompt\": \"p\", " + field + "}"))
                .isNotEmpty();
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("The request schema rejects every input that the parser rejects")
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = RefusedRequests.WRONG_INPUTS)
    void wrongInputs(String fields, String code) {
        assertThat(Schema.named("request").problems("{\"id\": \"r\", " + fields + "}"))
                .isNotEmpty();
    }

    private void satisfies(String schema, Object record) {
        String written = new String(TopicJson.write(record), StandardCharsets.UTF_8);
        assertThat(Schema.named(schema).problems(written)).as(written).isEmpty();
    }
}
