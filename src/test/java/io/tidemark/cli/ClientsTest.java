package io.tidemark.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.cli.console.Progress;
import io.tidemark.cli.serving.CommandSettings;
import io.tidemark.client.Cluster;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("Client commands")
class ClientsTest {

    private static EmbeddedBroker broker;
    private static String address;

    @TempDir
    private Path folder;

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

    @Test
    @DisplayName("boundaries writes a pinned record, lists it, and removes it with a tombstone")
    void boundaries() {
        assertThat(run("boundaries", "set", "by-hand", "3", "--reason", "a test")
                        .exitCode())
                .isZero();
        assertThat(run("boundaries", "get", "by-hand", "--json").out())
                .contains("\"adapter\":\"by-hand\"", "\"boundary\":3", "\"writer\":\"operator\"");
        assertThat(run("boundaries", "set", "by-hand", "5").out()).contains("by-hand", " 5 ");
        assertThat(run("boundaries", "list", "--json").out().lines().filter(line -> line.contains("by-hand")))
                .hasSize(1);
        assertThat(run("boundaries", "unset", "by-hand").exitCode()).isZero();
        CommandLineRun gone = run("boundaries", "get", "by-hand");
        assertThat(gone.exitCode()).isEqualTo(1);
        assertThat(gone.err()).contains("no boundary is set for 'by-hand'");
    }

    @Test
    @DisplayName("send streams the text of one request to stdout and a summary to stderr")
    void send() {
        try (ScriptedWorker worker = ScriptedWorker.start(address)) {
            CommandLineRun sent = run("send", "--adapter", "echo", "--prompt", "one\\ntwo", "--max-tokens", "5");
            assertThat(sent.exitCode()).as(sent.err()).isZero();
            assertThat(sent.out()).isEqualToNormalizingNewlines("one\ntwo\n");
            assertThat(sent.err()).contains("boundary 3 of 8", "2 tokens");
        }
    }

    @Test
    @DisplayName("send sends a file of requests, sets missing fields, and prints each result as the worker wrote it")
    void sendFile() throws Exception {
        Path file = Files.writeString(folder.resolve("requests.jsonl"), """
                {"prompt": "a", "completion": "gold"}
                {"id": "mine", "model": "other", "prompt": "b"}
                {"prompt": "fail"}
                """);
        try (ScriptedWorker worker = ScriptedWorker.start(address)) {
            CommandLineRun sent = run("send", "--adapter", "echo", "--file", file.toString(), "--json");
            assertThat(sent.exitCode()).isEqualTo(3); // one of them failed
            assertThat(sent.out().lines())
                    .hasSize(3)
                    .allMatch(line -> line.startsWith("{\"newer\": 1.50, \"id\":\""))
                    .anyMatch(line -> line.contains("\"id\":\"mine\"") && line.contains("\"model\":\"other\""))
                    .anyMatch(line -> line.contains("no_luck"));
            assertThat(worker.seen())
                    .noneMatch(request -> request.has("completion"))
                    .noneMatch(request -> request.has("stream"));
        }
    }

    @Test
    @DisplayName("send sets priority, deadline and timeout_ms in a request that does not have them")
    void sendLimits() throws Exception {
        Path file = Files.writeString(folder.resolve("limits.jsonl"), """
                {"id": "plain", "prompt": "a"}
                {"id": "own", "prompt": "b", "priority": 3, "timeout_ms": 1}
                """);
        String[] send = {"send", "--adapter", "echo", "--file", file.toString(), "--priority", "-2", "--timeout-ms"};
        try (ScriptedWorker worker = ScriptedWorker.start(address)) {
            String[] all = java.util.Arrays.copyOf(send, send.length + 3);
            all[send.length] = "1500";
            all[send.length + 1] = "--deadline";
            all[send.length + 2] = "2030-01-02T03:04:05Z";
            assertThat(run(all).exitCode()).isZero();
            assertThat(worker.seen())
                    .extracting(request -> request.path("id").asText()
                            + request.path("priority")
                            + request.path("timeout_ms")
                            + request.path("deadline"))
                    .containsExactlyInAnyOrder("plain-21500\"2030-01-02T03:04:05Z\"", "own31\"2030-01-02T03:04:05Z\"");
        }
    }

    @Test
    @DisplayName("send matches results by the record of the request, not by id, and ignores aborted ones")
    void sendMatchesBySource() {
        try (ScriptedWorker worker = ScriptedWorker.start(address)) {
            CommandLineRun sent = run("send", "--adapter", "echo", "--id", "again", "--prompt", "first", "--json");
            assertThat(sent.out()).contains("\"first\"").doesNotContain("WRONG");
            sent = run("send", "--adapter", "echo", "--id", "again", "--prompt", "second", "--json");
            assertThat(sent.out()).contains("\"second\"").doesNotContain("WRONG");
        }
    }

    @Test
    @DisplayName("send does not send a line with an id that the service refuses: its result is the error")
    void sendUnusableIds() throws Exception {
        Path file = Files.writeString(folder.resolve("ids.jsonl"), """
                {"id": 7, "prompt": "a"}
                {"id": "", "prompt": "a"}
                {"id": null, "prompt": "a"}
                """);
        try (ScriptedWorker worker = ScriptedWorker.start(address)) {
            CommandLineRun sent = run("send", "--adapter", "echo", "--file", file.toString(), "--timeout", "30");
            assertThat(sent.exitCode()).isEqualTo(3);
            assertThat(sent.out().lines())
                    .hasSize(3)
                    .anyMatch(line -> line.matches("ids.jsonl:.{8}:1  FAILED invalid_type: .*"))
                    .anyMatch(line -> line.matches("ids.jsonl:.{8}:2  FAILED invalid_value: .*"))
                    .anyMatch(line -> line.matches("ids.jsonl:.{8}:3  echo, boundary 3 of 8.*"));
            assertThat(sent.err()).contains("--timeout with --file is the time without a result: 30 s");
        }
    }

    @Test
    @DisplayName("send fails with advice if no worker answers")
    void sendWithoutWorker() {
        CommandLineRun sent = run("send", "--adapter", "x", "--prompt", "p", "--timeout", "1");
        assertThat(sent.exitCode()).isEqualTo(1);
        assertThat(sent.err()).contains("the request had no result within 1 s", "tidemark serve");
    }

    @Test
    @DisplayName("calibrate waits until the calibrators' group has committed past its batches, and prints refused ones")
    void calibrate() throws Exception {
        Path file = Files.writeString(
                folder.resolve("validation.jsonl"), "{\"prompt\": \"a\", \"completion\": \"b\"}\n".repeat(5));
        Path more = Files.writeString(
                folder.resolve("more.jsonl"), "{\"prompt\": \"a\", \"completion\": \"b\"}\n".repeat(8));
        try (ScriptedCalibrator calibrator = ScriptedCalibrator.start(address, "calibrated")) {
            CommandLineRun run = run(
                    "calibrate", "--adapter", "calibrated", "--data", file.toString(), "--batch-size", "2", "--json");
            assertThat(run.exitCode()).as(run.err()).isZero();
            assertThat(run.err()).contains("5 of 5 examples");
            assertThat(run.out()).contains("\"boundary\":4", "\"samples\":5");
            CommandLineRun refused = run("calibrate", "--adapter", "unknown", "--data", file.toString());
            assertThat(refused.exitCode()).isEqualTo(1);
            assertThat(refused.err())
                    .doesNotContain("counted before", "boundary")
                    .contains(
                            "refused: 5 examples, lines 1, 2, 3, 4, 5 of " + file + " (batch unknown-",
                            "): no adapter 'unknown'",
                            "5 of 5 examples were refused and have no effect: nothing has changed");
            assertThat(refused.out()).isEmpty();
            String[] single = {
                "calibrate", "--adapter", "no", "--data", more.toString(), "--batch-size", "1", "--keep-order"
            };
            CommandLineRun many = run(single);
            assertThat(many.err().lines().filter(line -> line.startsWith("refused: line ")))
                    .hasSize(5)
                    .last()
                    .asString()
                    .startsWith("refused: line 5 of ");
            assertThat(many.err())
                    .containsOnlyOnce("further refusals are on topic 'validation-dead-letters'")
                    .contains("8 of 8 examples were refused")
                    .doesNotContain("seed");
        }
    }

    @Test
    @DisplayName("calibrate prints how many examples were counted before, and that it is unknown if nothing tells it")
    void repeats() throws Exception {
        Path file = Files.writeString(folder.resolve("repeats.jsonl"), """
                {"prompt": "a", "completion": "b"}
                {"prompt": "c", "completion": "d"}
                {"prompt": "a", "completion": "b"}
                """);
        String[] two = {
            "calibrate",
            "--adapter",
            "again",
            "--data",
            file.toString(),
            "--batch-size",
            "2",
            "--examples",
            "2",
            "--keep-order"
        };
        String[] three = {
            "calibrate", "--adapter", "again", "--data", file.toString(), "--batch-size", "2", "--seed", "5"
        };
        try (ScriptedCalibrator calibrator = ScriptedCalibrator.start(address, "again")) {
            assertThat(run(two).err()).contains("2 of 2 examples").doesNotContain("counted before");
            assertThat(run(three).err()).contains("3 examples, of which 3 were counted before and add nothing");
        }
        try (ScriptedCalibrator calibrator = ScriptedCalibrator.start(address, "again")) {
            CommandLineRun run = run(three);
            assertThat(run.exitCode()).as(run.err()).isZero();
            assertThat(run.err()).contains("3 examples, of which 1 were counted before and add nothing");
            assertThat(run.out()).doesNotContain("counted before");
        }
        try (ScriptedCalibrator calibrator = ScriptedCalibrator.startSilent(address, "again")) {
            CommandLineRun run = run(three);
            assertThat(run.exitCode()).as(run.err()).isZero();
            assertThat(run.err())
                    .contains(
                            "the number of examples that add nothing is unknown",
                            "topic 'calibration-state' could not be read, such as without READ on it");
        }
    }

    @Test
    @DisplayName("calibrate names the lines of a batch with an example that was refused alone, and fails")
    void refusedAlone() throws Exception {
        Path file = Files.writeString(folder.resolve("refused.jsonl"), """
                {"prompt": "a", "completion": "b"}

                {"prompt": "c", "completion": "%s"}
                {"prompt": "e", "completion": "f"}
                """.formatted(ScriptedCalibrator.REFUSED));
        String[] arguments = {
            "calibrate", "--adapter", "long", "--data", file.toString(), "--batch-size", "2", "--keep-order"
        };
        try (ScriptedCalibrator calibrator = ScriptedCalibrator.start(address, "long")) {
            CommandLineRun run = run(arguments);
            assertThat(run.exitCode()).isEqualTo(1);
            assertThat(run.err())
                    .contains(
                            "refused: 1 of 2 examples, lines 1, 3 of " + file + ": longer than the model's context",
                            "1 of 3 examples were refused alone and add nothing")
                    .doesNotContain("lines 4");
            assertThat(run.out()).contains("long");
        }
    }

    @Test
    @DisplayName("calibrate and send draw a progress bar on stderr only if it is a terminal")
    void progressBars() throws Exception {
        Path file = Files.writeString(
                folder.resolve("progress.jsonl"), "{\"prompt\": \"a\", \"completion\": \"b\"}\n".repeat(4));
        String[] calibrate = {"calibrate", "--adapter", "bar", "--data", file.toString(), "--batch-size", "2"};
        String[] send = {"send", "--adapter", "echo", "--file", file.toString()};
        try (ScriptedCalibrator calibrator = ScriptedCalibrator.start(address, "bar");
                ScriptedWorker worker = ScriptedWorker.start(address)) {
            assertThat(run(calibrate).err()).doesNotContain("\r");
            assertThat(run(send).err()).isEmpty();
            System.setProperty(Progress.TERMINAL, "true");
            assertThat(run(calibrate).err()).contains("\rexamples", "100%");
            CommandLineRun sent = run(send);
            assertThat(sent.err()).contains("\rrequests", "100%");
            assertThat(sent.out().lines()).hasSize(4);
        } finally {
            System.clearProperty(Progress.TERMINAL);
        }
    }

    @Test
    @DisplayName("A broker that does not answer is reported with its address and advice")
    void noBroker() {
        CommandLineRun run = CommandLineRun.of(
                "boundaries",
                "list",
                "--broker",
                "127.0.0.1:1",
                "--kafka",
                "default.api.timeout.ms=1000",
                "--kafka",
                "request.timeout.ms=500");
        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(run.err()).contains("no Kafka broker answers at 127.0.0.1:1", "tidemark broker");
    }

    @Test
    @DisplayName("--kafka-config sets the address and the client properties, and --broker and --kafka replace them")
    void propertiesFile() throws Exception {
        Path login = Files.writeString(
                folder.resolve("client.properties"),
                "bootstrap.servers=" + address + "\nsecurity.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\n");
        String[] list = {"boundaries", "list", "--kafka-config", login.toString()};
        CommandLineRun withoutJaas = CommandLineRun.of(list);
        assertThat(withoutJaas.exitCode()).isEqualTo(1);
        assertThat(withoutJaas.err()).contains("the Kafka client for '" + address + "'", "JAAS");
        CommandLineRun plain = CommandLineRun.of(with(list, "--kafka", "security.protocol=PLAINTEXT"));
        assertThat(plain.exitCode()).as(plain.err()).isZero();
        CommandLineRun elsewhere = CommandLineRun.of(with(list, "--broker", "127.0.0.1:1"));
        assertThat(elsewhere.err()).contains("the Kafka client for '127.0.0.1:1'");
    }

    @Test
    @DisplayName("--kafka-config - reads the properties from stdin, once for a command with several Kafka clients")
    void propertiesFromStdin() {
        InputStream before = System.in;
        System.setIn(new ByteArrayInputStream(("bootstrap.servers=" + address).getBytes(StandardCharsets.UTF_8)));
        try {
            CommandLineRun list = CommandLineRun.of("boundaries", "list", "--kafka-config", "-");
            assertThat(list.exitCode()).as(list.err()).isZero();
        } finally {
            System.setIn(before);
        }
    }

    @Test
    @DisplayName("A file of --kafka-config that is missing or malformed ends the command and is named, without a value")
    void noPropertiesFile() throws Exception {
        Path missing = folder.resolve("missing.properties");
        CommandLineRun run = run("boundaries", "list", "--kafka-config", missing.toString());
        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(run.err()).contains("--kafka-config " + missing + " cannot be read: there is no file or folder");
        Path malformed = Files.writeString(folder.resolve("bad.properties"), "sasl.jaas.config=secret\\u00zz\n");
        run = run("boundaries", "list", "--kafka-config", malformed.toString());
        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(run.err())
                .contains("--kafka-config " + malformed + " is not a properties file")
                .doesNotContain("secret");
    }

    @Test
    @DisplayName("A line that is not JSON is an error of that line, and calibrate fails with file and line")
    void brokenFile() throws Exception {
        Path file = Files.writeString(folder.resolve("broken.jsonl"), "{\"prompt\": \"a\"}\n{oops\n");
        try (ScriptedWorker worker = ScriptedWorker.start(address)) {
            CommandLineRun sent = run("send", "--adapter", "x", "--file", file.toString());
            assertThat(sent.exitCode()).isEqualTo(3);
            assertThat(sent.out()).contains(":1  x, boundary", ":2  FAILED invalid_json: line 2 is not JSON");
        }
        assertThat(calibrateFailure(file)).contains(file + ":1: 'completion' is required");
        Files.writeString(file, "{\"prompt\": \"a\", \"completion\": \"b\"}\n{\"prompt\": \"a\"\n");
        assertThat(calibrateFailure(file))
                .contains(file + ":2 is not JSON: Unexpected end-of-input: expected close marker for Object")
                .doesNotContain("Source", "REDACTED");
        assertThat(calibrateFailure(Files.writeString(file, ""))).contains(file + " is empty");
        assertThat(calibrateFailure(folder)).contains(folder + " cannot be read: it is a folder, not a file");
    }

    private static String calibrateFailure(Path file) {
        CommandLineRun run = run("calibrate", "--adapter", "x", "--data", file.toString());
        assertThat(run.exitCode()).isEqualTo(1);
        return run.err();
    }

    private static CommandLineRun run(String... arguments) {
        return CommandLineRun.of(with(arguments, "--broker", address));
    }

    private static String[] with(String[] arguments, String option, String value) {
        String[] all = java.util.Arrays.copyOf(arguments, arguments.length + 2);
        all[arguments.length] = option;
        all[arguments.length + 1] = value;
        return all;
    }
}
