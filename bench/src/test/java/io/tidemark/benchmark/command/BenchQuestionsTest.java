package io.tidemark.benchmark.command;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tidemark.benchmark.DemoModel;
import io.tidemark.benchmark.GenerationBenchmark;
import io.tidemark.generation.EngineLimits;
import java.io.PrintWriter;
import java.io.StringReader;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Benchmark protocol")
class BenchQuestionsTest {

    @Test
    @DisplayName("Each question has one answer on a line, errors included, in order")
    void answers() throws Exception {
        List<JsonNode> answers = ask(
                "{\"do\": \"open\", \"model\": \"ignored\"}",
                "{\"do\": \"measure\", \"prompts\": [[3, 4, 5], [6, 7, 8]], \"adapters\": [0, null], \"new_tokens\": 5, \"layers\": 2}",
                "{\"do\": \"dance\"}",
                "no JSON",
                "{\"do\": \"measure\", \"prompts\": [[3]], \"adapters\": [null], \"new_tokens\": 1, \"layers\": null}");
        assertThat(answers).hasSize(5);
        assertThat(answers.get(0).path("versions").path("java").asText()).isNotEmpty();
        assertThat(answers.get(1).path("rows"))
                .hasSize(2)
                .allSatisfy(row -> assertThat(row.path("tokens").asInt()).isEqualTo(5));
        assertThat(answers.get(2).path("error").asText()).contains("dance");
        assertThat(answers.get(3).path("error").asText()).isNotEmpty();
        assertThat(answers.get(4).path("rows").path(0).path("tokens").asInt()).isEqualTo(1);
    }

    @Test
    @DisplayName("The greedy answers with and without the adapter differ")
    void greedy() throws Exception {
        List<JsonNode> answers = ask(
                "{\"do\": \"greedy\", \"prompt\": \"one two three\", \"tokens\": 12, \"adapter\": null}",
                "{\"do\": \"greedy\", \"prompt\": \"one two three\", \"tokens\": 12, \"adapter\": \"check\"}");
        assertThat(answers.get(0).path("prompt"))
                .isNotEmpty()
                .isEqualTo(answers.get(1).path("prompt"));
        assertThat(answers.get(0).path("tokens"))
                .isNotEmpty()
                .isNotEqualTo(answers.get(1).path("tokens"));
    }

    private static List<JsonNode> ask(String... questions) throws Exception {
        StringWriter out = new StringWriter();
        try (DemoModel demo = new DemoModel();
                GenerationBenchmark bench = new GenerationBenchmark(demo.model(), new EngineLimits(4, 64, 64L << 20))) {
            new BenchQuestions(
                            demo.model(),
                            List.of(demo.adapter("extract")),
                            Optional.of(demo.adapter("describe")),
                            bench)
                    .answer(new StringReader(String.join("\n", questions)), new PrintWriter(out));
        }
        List<JsonNode> answers = new ArrayList<>();
        for (String line : out.toString().lines().toList()) {
            answers.add(new ObjectMapper().readTree(line));
        }
        return answers;
    }
}
