package io.tidemark.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.cli.serving.CommandSettings;
import io.tidemark.client.Cluster;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("send --file --output")
class FileCommandTest {

    private static final ObjectMapper JSON = new ObjectMapper();

    private static EmbeddedBroker broker;
    private static String address;

    @TempDir
    private Path folder;

    private Path input;
    private Path output;

    @BeforeAll
    static void start() {
        broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY);
        address = broker.bootstrapServers();
        CommandSettings.createTopics(new Cluster(address));
    }

    @AfterAll
    static void stop() {
        broker.close();
    }

    @BeforeEach
    void files() {
        input = folder.resolve("in.jsonl");
        output = folder.resolve("out.jsonl");
    }

    @Test
    @DisplayName("A second run sends nothing, and lines that were added to the input get their results")
    void continuesWhenComplete() throws Exception {
        Files.writeString(input, "{\"prompt\": \"a\"}\n{\"id\": \"mine\", \"prompt\": \"b\"}\n");
        try (ScriptedWorker worker = ScriptedWorker.start(address)) {
            CommandLineRun first = run();
            assertThat(first.exitCode()).as(first.err()).isZero();
            assertThat(first.err()).contains("has 2 results, 0 of them errors; 0 are of earlier runs");
            String written = Files.readString(output);
            CommandLineRun second = run();
            assertThat(second.exitCode()).isZero();
            assertThat(second.err()).contains("has 2 results, 0 of them errors; 2 are of earlier runs");
            assertThat(Files.readString(output)).isEqualTo(written);
            Files.writeString(input, Files.readString(input) + "{\"prompt\": \"c\"}\n");
            assertThat(run().exitCode()).isZero();
            assertThat(ids("id")).hasSize(3).doesNotHaveDuplicates();
            assertThat(worker.seen())
                    .extracting(request -> request.path("prompt").asText())
                    .containsExactlyInAnyOrder("a", "b", "c");
            assertThat(folder.resolve("out.jsonl.run")).doesNotExist();
        }
    }

    @Test
    @DisplayName("A last line that is still being written fails the run and is sent by the next one")
    void unfinishedInput() throws Exception {
        Files.writeString(input, "{\"prompt\": \"a\"}\n{\"prompt\": \"b");
        try (ScriptedWorker worker = ScriptedWorker.start(address)) {
            CommandLineRun first = run();
            assertThat(first.exitCode()).isEqualTo(1);
            assertThat(first.err()).contains("has 1 results, 0 of them errors", "line 2 of " + input + " was not sent");
            Files.writeString(input, Files.readString(input) + "\"}\n");
            assertThat(run().exitCode()).isZero();
            assertThat(ids("id")).hasSize(2).doesNotHaveDuplicates();
            assertThat(worker.seen())
                    .extracting(request -> request.path("prompt").asText())
                    .containsExactly("a", "b");
        }
    }

    @Test
    @DisplayName("A run that ended before the results continues: it sends nothing again, and each id has one result")
    void continuesOpenRequests() throws Exception {
        StringBuilder lines = new StringBuilder();
        for (int i = 0; i < 50; i++) {
            lines.append(
                    i % 2 == 0 ? "{\"prompt\": \"p" + i + "\"}\n" : "{\"id\": \"u" + i + "\", \"prompt\": \"p\"}\n");
        }
        Files.writeString(input, lines);
        CommandLineRun first = run("--timeout", "1", "--max-open", "20");
        assertThat(first.exitCode()).isEqualTo(1);
        assertThat(first.err())
                .contains(
                        "0 of 50 lines have a result; the same command continues " + output,
                        "no result for 1 s (open requests: 20)",
                        "tidemark serve");
        assertThat(Files.readString(output)).isEmpty();
        try (ScriptedWorker worker = ScriptedWorker.start(address)) {
            CommandLineRun second = run("--max-open", "5");
            assertThat(second.exitCode()).as(second.err()).isZero();
            assertThat(ids("id")).hasSize(50).doesNotHaveDuplicates();
            assertThat(worker.seen()).hasSize(50);
            assertThat(Files.readString(output)).doesNotContain("WRONG");
        }
    }

    @Test
    @DisplayName("An unfinished last line is removed, and its result is read back from the topic without a new request")
    void unfinishedLine() throws Exception {
        Files.writeString(input, "{\"prompt\": \"a\"}\n{\"prompt\": \"b\"}\n{\"prompt\": \"c\"}\n");
        Path journal = folder.resolve("out.jsonl.run");
        assertThat(run("--timeout", "1").exitCode()).isEqualTo(1);
        String state = Files.readString(journal);
        try (ScriptedWorker worker = ScriptedWorker.start(address)) {
            assertThat(run().exitCode()).isZero();
            assertThat(journal).doesNotExist();
            String written = Files.readString(output);
            // what a killed process leaves
            Files.writeString(output, written.substring(0, written.length() - 10));
            Files.writeString(journal, state);
            assertThat(run().exitCode()).isZero();
            assertThat(ids("id")).hasSize(3).doesNotHaveDuplicates();
            assertThat(worker.seen()).hasSize(3);
            assertThat(Files.readString(output)).isEqualTo(written);
        }
    }

    @Test
    @DisplayName("A file for OpenAI's batch API gives lines of its output format")
    void openAi() throws Exception {
        Files.writeString(input, """
                {"custom_id": "c1", "method": "POST", "url": "/v1/completions", "body": {"model": "m", "prompt": "hi"}}
                {"custom_id": "c2", "method": "POST", "url": "/v1/completions", "body": {"model": "m", "prompt": "fail"}}
                {"custom_id": "c3", "method": "POST", "url": "/v1/embeddings", "body": {"model": "m", "input": "x"}}
                {"custom_id": "c1", "method": "POST", "url": "/v1/completions", "body": {"model": "m", "prompt": "x"}}
                {"custom_id": "c4", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "m", "prompt": "x"}}
                """);
        try (ScriptedWorker worker = ScriptedWorker.start(address)) {
            CommandLineRun run = run();
            assertThat(run.exitCode()).as(run.err()).isEqualTo(3);
            assertThat(line("c1").path("response").path("status_code").asInt()).isEqualTo(200);
            assertThat(line("c1").at("/response/body/choices/0/text").asText()).isEqualTo("hi");
            assertThat(line("c1").path("error").isNull()).isTrue();
            assertThat(line("c1").path("id").asText()).startsWith("batch_req_generation-requests-");
            assertThat(line("c2").at("/response/status_code").asInt()).isEqualTo(500);
            assertThat(line("c2").at("/response/body/error/code").asText()).isEqualTo("no_luck");
            assertThat(line("c3").path("response").isNull()).isTrue();
            assertThat(line("c3").at("/error/code").asText()).isEqualTo("unsupported_url");
            assertThat(line("c4").at("/error/code").asText()).isEqualTo("missing_field");
            assertThat(Files.readString(output)).contains("duplicate_id");
            assertThat(ids("custom_id")).hasSize(5).doesNotHaveDuplicates();
            assertThat(worker.seen())
                    .hasSize(2)
                    .allMatch(request -> request.path("id").asText().startsWith("c"));
            String written = Files.readString(output);
            assertThat(run().exitCode()).isEqualTo(3);
            assertThat(Files.readString(output)).isEqualTo(written);
        }
    }

    @Test
    @DisplayName(
            "A field that a worker ignored is printed once, and is in the output, also beside an error of an OpenAI line")
    void ignoredFields() throws Exception {
        Files.writeString(input, """
                {"id": "typo-1", "prompt": "a", "max_token": 1}
                {"id": "typo-2", "prompt": "b", "max_token": 1}
                {"custom_id": "typo-3", "method": "POST", "url": "/v1/completions", "body": {"model": "m", "prompt": "fail"}}
                """);
        try (ScriptedWorker worker = ScriptedWorker.start(address)) {
            CommandLineRun run = run();
            assertThat(run.err())
                    .containsOnlyOnce("warning: the field 'max_token' is unknown and had no effect")
                    .containsOnlyOnce("warning: the field 'messages[].nmae' is unknown and had no effect");
            assertThat(line("typo-3").at("/response/body/ignored_fields/0").asText())
                    .isEqualTo("max_token");
            assertThat(Files.readString(output).split("ignored_fields")).hasSize(4);
            CommandLineRun one = execute("send", "--adapter", "m", "--prompt", "a", "--id", "typo-4");
            assertThat(one.exitCode()).as(one.err()).isZero();
            assertThat(one.err()).containsOnlyOnce("warning: the field 'max_token' is unknown");
            assertThat(worker.seen()).hasSize(4);
        }
    }

    @Test
    @DisplayName("The format of an answer is that of the line, of the body of an OpenAI line, or of the option")
    void formats() throws Exception {
        Files.writeString(input, """
                {"id": "own", "prompt": "a", "response_format": {"type": "json_object"}}
                {"custom_id": "body", "method": "POST", "url": "/v1/completions", "body": {"model": "m", "prompt": "b",\
                 "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "string"}}}}}
                {"id": "option", "prompt": "c"}
                """);
        try (ScriptedWorker worker = ScriptedWorker.start(address)) {
            CommandLineRun run = run("--choice", "yes", "--choice", "no");
            assertThat(run.exitCode()).as(run.err()).isZero();
            assertThat(worker.seen()).allSatisfy(request -> {
                JsonNode format = request.path("response_format");
                JsonNode structured = request.path("structured_outputs");
                switch (request.path("id").asText()) {
                    case "own" -> assertThat(format.path("type").asText()).isEqualTo("json_object");
                    case "body" ->
                        assertThat(format.at("/json_schema/schema/type").asText())
                                .isEqualTo("string");
                    default -> assertThat(structured.path("choice")).hasToString("[\"yes\",\"no\"]");
                }
                assertThat(format.isMissingNode()).isNotEqualTo(structured.isMissingNode());
            });
            assertThat(worker.seen()).hasSize(3);
        }
    }

    @Test
    @DisplayName("'-' reads stdin and writes stdout")
    void standardStreams() {
        InputStream before = System.in;
        System.setIn(new ByteArrayInputStream("{\"prompt\": \"a\"}\n".getBytes(StandardCharsets.UTF_8)));
        try (ScriptedWorker worker = ScriptedWorker.start(address)) {
            CommandLineRun run = execute("send", "--adapter", "echo", "--file", "-", "--output", "-");
            assertThat(run.exitCode()).as(run.err()).isZero();
            assertThat(run.out()).contains("\"text\":\"a\"").contains("\"id\":\"stdin:");
        } finally {
            System.setIn(before);
        }
    }

    @Test
    @DisplayName("A run fails before it sends anything if the input has changed, or the output is another file")
    void refuses() throws Exception {
        Files.writeString(input, "{\"prompt\": \"a\"}\n");
        Files.writeString(output, "{\"prompt\": \"a\"}\n");
        assertThat(run().err()).contains("out.jsonl:1 is not a result of 'send --file'");
        Files.writeString(output, "");
        Files.writeString(
                folder.resolve("out.jsonl.run"),
                "{\"run\":\"r\",\"input\":\"other:00000000:\",\"since\":"
                        + "\"2026-01-01T00:00:00Z\",\"lines\":0,\"digest\":\"\"}");
        assertThat(run().err()).contains("has results of another input");
        Files.writeString(
                folder.resolve("out.jsonl.run"),
                "{\"run\":\"r\",\"input\":\"" + ownPrefix() + "\",\"since\":"
                        + "\"2026-01-01T00:00:00Z\",\"lines\":1,\"digest\":\"00\"}");
        assertThat(run().err()).contains("the first 1 lines of", "have changed");
    }

    @Test
    @DisplayName("A run fails before it sends anything if the output is the input, or the input cannot be read")
    void wrongFiles() throws Exception {
        Files.writeString(input, "{\"id\": \"a\", \"prompt\": \"a\"}\n");
        Path link = Files.createSymbolicLink(folder.resolve("link"), input);
        for (Path same : List.of(input, link)) {
            output = same;
            CommandLineRun run = run();
            assertThat(run.exitCode()).isEqualTo(1);
            assertThat(run.err()).contains(same + " is the input; name another output");
        }
        assertThat(Files.readString(input)).isEqualTo("{\"id\": \"a\", \"prompt\": \"a\"}\n");
        output = folder.resolve("out.jsonl");
        input = folder;
        assertThat(run().err()).contains(folder + " cannot be read").doesNotContain("cannot be written");
    }

    /** What the ids of the input's lines begin with. */
    private String ownPrefix() throws Exception {
        byte[] digest = java.security.MessageDigest.getInstance("SHA-256")
                .digest(input.toAbsolutePath().toString().getBytes(StandardCharsets.UTF_8));
        return "in.jsonl:" + java.util.HexFormat.of().formatHex(digest, 0, 4) + ":";
    }

    private CommandLineRun run(String... more) {
        String[] all = {"send", "--adapter", "echo", "--file", input.toString(), "--output", output.toString()};
        return execute(Stream.concat(Arrays.stream(all), Arrays.stream(more)).toArray(String[]::new));
    }

    private static CommandLineRun execute(String... arguments) {
        return CommandLineRun.of(Stream.concat(Arrays.stream(arguments), Stream.of("--broker", address))
                .toArray(String[]::new));
    }

    private List<String> ids(String field) throws Exception {
        return results().stream().map(line -> line.path(field).asText()).toList();
    }

    private JsonNode line(String customId) throws Exception {
        return results().stream()
                .filter(line -> line.path("custom_id").asText().equals(customId))
                .findFirst()
                .orElseThrow();
    }

    private List<JsonNode> results() throws Exception {
        List<JsonNode> results = new java.util.ArrayList<>();
        for (String line : Files.readAllLines(output)) {
            results.add(JSON.readTree(line));
        }
        return results;
    }
}
