package io.tidemark.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
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
                .readTree(run(EVALUATE, "--json", "--boundary", "2", "--pictures", temp.toString())
                        .out());
        assertThat(temp.resolve("describe-small-data-boundary.svg"))
                .content()
                .startsWith("<svg")
                .contains("4 examples", "balanced");
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

        String markdown = run(EVALUATE, "--markdown").out();
        assertThat(markdown)
                .startsWith("| setting | boundary | log-likelihood | against full | ROUGE-L |")
                .contains(
                        "| tokens a text | ms a text | tokens/s |\n",
                        "\n| base model | - | ",
                        "3 test examples, texts for 2 of them.\n");
    }

    @Test
    @DisplayName("evaluate --scale adds a row for each factor with LoRA in all layers, and names the best one")
    void scales() throws IOException {
        JsonNode rows = new ObjectMapper()
                .readTree(run(EVALUATE, "--json", "--scale", "0.5,1", "--scale", "0.5")
                        .out())
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

        assertThat(run(EVALUATE, "--markdown", "--scale", "0.5").out())
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
                .contains("● with LoRA  ○ without LoRA", "suggested boundary: 8 of 8", "^ quality, balanced");
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

    private static CommandLineRun run(String[] command, String... more) {
        List<String> arguments = new ArrayList<>();
        Stream.of(command, more).forEach(part -> arguments.addAll(List.of(part)));
        CommandLineRun run = CommandLineRun.of(arguments.toArray(String[]::new));
        assertThat(run.exitCode()).as(run.err()).isZero();
        return run;
    }
}
