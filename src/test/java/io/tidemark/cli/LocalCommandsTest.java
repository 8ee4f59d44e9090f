package io.tidemark.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("the commands that run a model in this process")
class LocalCommandsTest {

    private static final String MODEL = "--model demo/model --threads 1 ";
    private static final String DATA =
            MODEL + "--adapter demo/adapters/describe --data demo/data/describe-validation.jsonl ";

    @Test
    @DisplayName("generate with the first adapter that is named, and say how many tokens it took")
    void generates() {
        CommandLineRun run = run(
                "generate " + MODEL + "--adapter describe=demo/adapters/describe --max-tokens 4 --prompt", "Facts:");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out()).isNotBlank();
        assertThat(run.err()).contains("4 tokens, ").contains("length");
    }

    @Test
    @DisplayName("read \\n in a prompt as a line break: the text is that of a prompt file with a real one")
    void lineBreaks(@TempDir Path temp) throws IOException {
        Path file = Files.writeString(temp.resolve("prompt"), "one two\nthree");
        String generate = "generate " + MODEL + "--max-tokens 8 ";
        String fromFile = run(generate + "--prompt-file", file.toString()).out();
        assertThat(run(generate + "--prompt", "one two\\nthree").out()).isEqualTo(fromFile);
        assertThat(run(generate + "--prompt", "one two three").out()).isNotEqualTo(fromFile);
    }

    @Test
    @DisplayName("name the adapters that there are when another is asked for")
    void unknownAdapter() {
        CommandLineRun run =
                run("generate " + MODEL + "--adapter describe=demo/adapters/describe --use other --prompt x");
        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(run.err()).contains("no adapter 'other' among [describe]");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "generate " + MODEL + "--prompt x --boundary 9",
                "bench generate " + MODEL + "--mixed 0 --boundary 9",
                "evaluate " + DATA + "--validation demo/data/describe-validation.jsonl --boundary -1"
            })
    @DisplayName("refuse a boundary that the model does not have as wrong usage")
    void boundaryOfNoLayer(String line) {
        CommandLineRun run = run(line);
        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err()).contains("--boundary must be 0 to 8 for this model");
    }

    @ParameterizedTest
    @ValueSource(strings = {"search", "curve", "bench compute-types"})
    @DisplayName("refuse fewer examples than they can do with before a model is loaded")
    void tooFewExamples(String command) {
        CommandLineRun run = run(command + " --model nowhere --adapter nowhere --data nowhere --examples 1");
        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err()).contains("--examples must be 2 or more");
    }

    @Test
    @DisplayName("take as many examples as they are asked for, and their own default otherwise")
    void examples() {
        assertThat(run("bench sweep " + DATA + "--examples 2 --repeat 1").out()).startsWith("2 examples, ");
        assertThat(run("bench sweep --help").out()).contains("How many of them. Default: 16.");
        assertThat(run("search --help").out()).contains("How many of them. Default: 32.");
    }

    @Test
    @DisplayName("search for several objectives in turn")
    void searches() {
        CommandLineRun run = run("search " + DATA + "--examples 3 --objective quality,latency");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out()).contains("quality: boundary ", "latency: boundary ");
    }

    /** Words of the line, and further arguments that may hold spaces. */
    private static CommandLineRun run(String line, String... more) {
        List<String> arguments = new ArrayList<>(List.of(line.split(" ")));
        arguments.addAll(List.of(more));
        return CommandLineRun.of(arguments.toArray(String[]::new));
    }
}
