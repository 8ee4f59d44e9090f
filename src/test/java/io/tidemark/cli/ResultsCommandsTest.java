package io.tidemark.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tidemark.grammar.GrammarCompiler;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("Evaluation commands")
class ResultsCommandsTest {

    private static final String[] EVALUATE = {
        "evaluate",
        "--model",
        "demo/model",
        "--adapter",
        "demo/adapters/describe-small-data",
        "--validation",
        "demo/data/describe-validation.jsonl",
        "--data",
        "demo/data/describe-requests.jsonl",
        "--validation-examples",
        "4",
        "--examples",
        "3",
        "--generate",
        "2",
        "--max-tokens",
        "8",
        "--speed-runs",
        "0",
        "--threads",
        "1"
    };

    @TempDir
    private Path temp;

    @Test
    @DisplayName("evaluate prints a row for each setting as JSON and as Markdown")
    void evaluates() throws IOException {
        JsonNode report = new ObjectMapper()
                .readTree(run("--json", "--boundary", "2", "--pictures", temp.toString())
                        .out());
        assertThat(temp.resolve("describe-small-data-boundary.svg"))
                .content()
                .startsWith("<svg")
                .contains("4 examples", "one_standard_error");
        assertThat(report.path("num_layers").asInt()).isEqualTo(8);
        assertThat(report.path("validation_curve").size()).isEqualTo(9);
        assertThat(report.path("rows").size()).isEqualTo(7);
        JsonNode full = report.path("rows").get(0);
        assertThat(full.path("setting").asText()).isEqualTo("full LoRA");
        assertThat(full.path("boundary").asInt()).isEqualTo(8);
        assertThat(full.has("log_likelihood_difference")).isFalse();
        JsonNode base = report.path("rows").get(6);
        assertThat(base.has("boundary")).isFalse();
        assertThat(base.path("log_likelihood_difference").path("half_width95").asDouble())
                .isPositive();
        assertThat(base.has("tokens_per_second")).isFalse();

        String markdown = run("--markdown").out();
        assertThat(markdown)
                .startsWith("| setting | boundary | log-likelihood | against full | ROUGE-L |")
                .contains(
                        "| tokens a text | ms a text | tokens/s |\n",
                        "\n| base model | - | ",
                        "3 test examples, texts for 2 of them.\n");
    }

    @Test
    @DisplayName("evaluate with a format constrains the texts of all settings, and says so and how many are cut")
    void formats() throws IOException {
        assumeTrue(GrammarCompiler.isAvailable());
        String regex = " [a-z]{1,4}\\.";
        JsonNode free = new ObjectMapper().readTree(run("--json").out());
        assertThat(free.path("constrained").asBoolean(true)).isFalse();
        assertThat(free.path("rows").get(0).path("texts").findValuesAsText("text"))
                .hasSize(2)
                .noneMatch(text -> text.matches(regex));
        JsonNode report = new ObjectMapper()
                .readTree(run("--json", "--scale", "0.5", "--regex", regex).out());
        assertThat(report.path("constrained").asBoolean()).isTrue();
        assertThat(report.path("rows").size()).isEqualTo(7);
        for (JsonNode row : report.path("rows")) {
            assertThat(row.path("texts").findValuesAsText("text"))
                    .as(row.path("setting").asText())
                    .hasSize(2)
                    .allMatch(text -> text.matches(regex));
            assertThat(row.path("texts").findValuesAsText("cut")).containsOnly("false");
        }

        assertThat(run("--markdown").out()).doesNotContain("cut", "format");
        assertThat(run("--markdown", "--regex", "[0-9]{100}").out())
                .contains("| BLEU | cut | tokens a text |")
                .containsPattern("\n\\| full LoRA \\| 8 \\|.*\\| 2 \\| 8.0 \\| - \\| - \\|\n")
                .contains("The texts have the format of --regex; those that 8 tokens cut (column 'cut')");
    }

    @Test
    @DisplayName("evaluate names the option of a format that cannot be enforced")
    void wrongFormats() throws IOException {
        assumeTrue(GrammarCompiler.isAvailable());
        assertThat(failure("--regex", "(a")).contains("--regex: unsupported_format: ");
        assertThat(failure("--regex", "(?=a)b")).contains("--regex: unsupported_format: ");
        assertThat(failure("--choice", "")).contains("--choice: ", "structured_outputs.choice");
        Path schema = Files.writeString(temp.resolve("schema.json"), "{\"uniqueItems\": true}");
        assertThat(failure("--json-schema", schema.toString()))
                .contains("--json-schema: unsupported_format: ", "uniqueItems");
        assertThat(failure("--grammar", schema.toString())).contains("--grammar: unsupported_format: ");
        assertThat(failure("--json-schema", temp + "/none")).contains("none cannot be read");
        assertThat(evaluate("--regex", "a", "--json-object").exitCode()).isEqualTo(2);
    }

    @Test
    @DisplayName("evaluate --scale adds a row for each factor with LoRA in all layers, and names the best one")
    void scales() throws IOException {
        JsonNode rows = new ObjectMapper()
                .readTree(run("--json", "--scale", "0.5,1", "--scale", "0.5").out())
                .path("rows");
        assertThat(rows.size()).isEqualTo(8);
        JsonNode half = rows.get(5);
        assertThat(half.path("setting").asText()).isEqualTo("scale 0.5");
        assertThat(half.path("boundary").asInt()).isEqualTo(8);
        assertThat(half.path("scale").asDouble()).isEqualTo(0.5);
        assertThat(half.path("log_likelihood").asDouble())
                .isNotEqualTo(rows.get(0).path("log_likelihood").asDouble());
        assertThat(rows.get(6).path("log_likelihood")).isEqualTo(rows.get(0).path("log_likelihood"));
        assertThat(rows.get(7).has("scale")).isFalse();

        assertThat(run("--markdown", "--scale", "0.5").out())
                .contains(
                        "\n| scale 0.5 | 8 | ",
                        "Of full LoRA and the scales, full LoRA has the highest log-likelihood on the validation");
    }

    @Test
    @DisplayName("curve prints both curves and writes them as SVG")
    void draws() {
        CommandLineRun run = CommandLineRun.of(
                "curve",
                "--model",
                "demo/model",
                "--adapter",
                "demo/adapters/extract",
                "--data",
                "demo/data/extract-validation.jsonl",
                "--examples",
                "3",
                "--sweep",
                "--threads",
                "1",
                "--pictures",
                temp.toString());
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out())
                .contains("● with LoRA  ○ without LoRA", "suggested boundary: 8 of 8", "^ best, one_standard_error");
        assertThat(temp.resolve("extract-probability.svg"))
                .content()
                .startsWith("<svg")
                .contains("without LoRA");
        assertThat(temp.resolve("extract-boundary.svg"))
                .content()
                .startsWith("<svg")
                .contains("3 examples");
    }

    @Test
    @DisplayName("An example that a calibrator would refuse is reported with file, line and field")
    void namesWhatIsWrong() throws IOException {
        Path data = Files.writeString(
                temp.resolve("data.jsonl"), "{\"prompt\": \"a\", \"completion\": \"b\"}\n{\"prompt\": \"a\"}\n");
        assertThat(failure(data)).contains(data + ":2: 'completion' is required");
        Files.writeString(data, """
                {"messages": [{"role": "user", "content": "a"}], "completion": "b"}

                {"messages": [{"role": "user", "content": [{"type": "image_url"}]}], "completion": "b"}
                """);
        assertThat(failure(data)).contains(data + ":3: 'messages[0].content[0].type' must be text");
        Files.writeString(data, "{\"prompt\": \"" + "a ".repeat(2000) + "\", \"completion\": \"b\"}\n");
        assertThat(failure(data))
                .contains(data + ":1: the example has ", " tokens; the context length of the model is ");
        Files.writeString(data, "{\"prompt\": \"a\", \"completion\": \"b\"}\n");
        assertThat(failure(data)).contains(data + " holds 1 example; there must be at least 2");
    }

    private static String failure(Path data) {
        CommandLineRun run = CommandLineRun.of(
                "curve", "--model", "demo/model", "--adapter", "demo/adapters/extract", "--data", data.toString());
        assertThat(run.exitCode()).isEqualTo(1);
        return run.err();
    }

    private static String failure(String... format) {
        CommandLineRun run = evaluate(format);
        assertThat(run.exitCode()).as(run.err()).isEqualTo(1);
        assertThat(run.out()).isEmpty();
        return run.err();
    }

    private static CommandLineRun evaluate(String... more) {
        return CommandLineRun.of(
                Stream.of(EVALUATE, more).flatMap(Arrays::stream).toArray(String[]::new));
    }

    private static CommandLineRun run(String... more) {
        CommandLineRun run = evaluate(more);
        assertThat(run.exitCode()).as(run.err()).isZero();
        return run;
    }
}
