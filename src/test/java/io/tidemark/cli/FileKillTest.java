package io.tidemark.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.cli.serving.CommandSettings;
import io.tidemark.client.Cluster;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("The process of send --file")
class FileKillTest {

    private static final int LINES = 200;

    @TempDir
    private Path folder;

    @Test
    @DisplayName("killed twice with -9 and continued writes each id once, and sends no request twice")
    void killed() throws Exception {
        Path input = folder.resolve("in.jsonl");
        Path output = folder.resolve("out.jsonl");
        StringBuilder lines = new StringBuilder();
        for (int i = 0; i < LINES; i++) {
            lines.append(i % 2 == 0 ? "{\"prompt\": \"p\"}\n" : "{\"id\": \"own-" + i + "\", \"prompt\": \"p\"}\n");
        }
        Files.writeString(input, lines);
        try (EmbeddedBroker broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY)) {
            String address = broker.bootstrapServers();
            CommandSettings.createTopics(new Cluster(address));
            try (ScriptedWorker worker = ScriptedWorker.start(address)) {
                killAfter(LINES / 4, address, input, output);
                killAfter(LINES / 2, address, input, output);
                Process last = start(address, input, output);
                assertThat(last.waitFor(120, TimeUnit.SECONDS)).isTrue();
                assertThat(last.exitValue())
                        .as(Files.readString(folder.resolve("log")))
                        .isZero();
                assertThat(ids(output)).hasSize(LINES).doesNotHaveDuplicates();
                assertThat(worker.seen()).hasSize(LINES);
            }
        }
    }

    @Test
    @DisplayName("ended by a signal says how many lines have a result, and that the same command continues; it does")
    void signalled() throws Exception {
        Path input = Files.writeString(folder.resolve("in.jsonl"), "{\"prompt\": \"p\"}\n".repeat(LINES));
        Path output = folder.resolve("out.jsonl");
        try (EmbeddedBroker broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY)) {
            String address = broker.bootstrapServers();
            CommandSettings.createTopics(new Cluster(address));
            try (ScriptedWorker worker = ScriptedWorker.start(address)) {
                endAfter(LINES / 4, address, input, output, Process::destroy);
                assertThat(Files.readString(folder.resolve("log")))
                        .containsPattern(
                                "\\d+ of " + LINES + " lines have a result; the same command continues " + output);
                Process last = start(address, input, output);
                assertThat(last.waitFor(120, TimeUnit.SECONDS)).isTrue();
                assertThat(Files.readString(folder.resolve("log"))).doesNotContain("the same command");
                assertThat(ids(output)).hasSize(LINES).doesNotHaveDuplicates();
                assertThat(worker.seen()).hasSize(LINES);
            }
        }
    }

    private void killAfter(int results, String address, Path input, Path output) throws Exception {
        endAfter(results, address, input, output, Process::destroyForcibly);
    }

    private void endAfter(int results, String address, Path input, Path output, Consumer<Process> end)
            throws Exception {
        Process process = start(address, input, output);
        try {
            Awaitility.await("results; the log is " + Files.readString(folder.resolve("log")))
                    .atMost(Duration.ofSeconds(120))
                    .pollInterval(Duration.ofMillis(20))
                    .until(() -> !process.isAlive() || lines(output).size() >= results);
            assertThat(process.isAlive())
                    .as(Files.readString(folder.resolve("log")))
                    .isTrue();
        } finally {
            end.accept(process);
            process.waitFor();
        }
        assertThat(lines(output).size()).isLessThan(LINES);
        assertThat(folder.resolve("out.jsonl.run")).exists();
    }

    private Process start(String address, Path input, Path output) throws IOException {
        List<String> command = List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-cp",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                Main.class.getName(),
                "send",
                "--broker",
                address,
                "--adapter",
                "echo",
                "--file",
                input.toString(),
                "--output",
                output.toString(),
                "--max-open",
                "50");
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("log").toFile())
                .start();
    }

    private static List<String> ids(Path output) throws IOException {
        ObjectMapper json = new ObjectMapper();
        List<String> ids = new ArrayList<>();
        for (String line : Files.readAllLines(output)) {
            ids.add(json.readTree(line).path("id").asText());
        }
        return ids;
    }

    private static List<String> lines(Path output) {
        try {
            return Files.exists(output) ? Files.readAllLines(output) : List.of();
        } catch (java.nio.charset.MalformedInputException e) {
            return List.of();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
