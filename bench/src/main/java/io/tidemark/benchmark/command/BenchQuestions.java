package io.tidemark.benchmark.command;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.benchmark.GenerationBenchmark;
import io.tidemark.benchmark.GenerationBenchmark.BenchmarkRow;
import io.tidemark.boundary.Boundary;
import io.tidemark.cli.console.FailureText;
import io.tidemark.cli.console.ProgramVersion;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.input.InputEncoder;
import io.tidemark.input.RejectedException;
import io.tidemark.message.Input;
import java.io.BufferedReader;
import java.io.PrintWriter;
import java.io.Reader;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Implements the protocol of {@code bench/peers/protocol.py}: each line is a JSON object, answered by one JSON object.
 */
final class BenchQuestions {

    private final ObjectMapper json = new ObjectMapper();
    private final LanguageModel model;
    private final List<LoraWeights> adapters;
    private final Optional<LoraWeights> check;
    private final GenerationBenchmark bench;

    BenchQuestions(
            LanguageModel model, List<LoraWeights> adapters, Optional<LoraWeights> check, GenerationBenchmark bench) {
        this.model = model;
        this.adapters = adapters;
        this.check = check;
        this.bench = bench;
    }

    /** Answers until the end of the input. */
    void answer(Reader questions, PrintWriter out) {
        new BufferedReader(questions).lines().forEach(line -> {
            out.println(answer(line));
            out.flush();
        });
    }

    private ObjectNode answer(String line) {
        try {
            JsonNode question = json.readTree(line);
            return json.valueToTree(
                    switch (question.path("do").asText()) {
                        case "open" ->
                            Map.of(
                                    "versions",
                                    Map.of(
                                            "tidemark",
                                            ProgramVersion.ofJar(),
                                            "java",
                                            Runtime.version().toString()));
                        case "greedy" -> greedy(question);
                        case "measure" ->
                            Map.of(
                                    "rows",
                                    bench.measure(
                                            rows(question),
                                            question.path("new_tokens").asInt()));
                        default ->
                            throw new IllegalArgumentException(
                                    "'do' must be open, greedy or measure, not " + question.path("do"));
                    });
        } catch (JsonProcessingException | RejectedException | RuntimeException e) {
            return json.createObjectNode().put("error", FailureText.oneLine(e));
        }
    }

    private Map<String, List<Integer>> greedy(JsonNode question) throws RejectedException {
        List<Integer> prompt = new InputEncoder(model)
                .encode(new Input.Prompt(question.path("prompt").asText()));
        Optional<LoraWeights> lora = question.path("adapter").isTextual() ? check : Optional.empty();
        List<Integer> tokens = bench.greedy(
                new BenchmarkRow(prompt, lora, new Boundary(model.config().numLayers())),
                question.path("tokens").asInt());
        return Map.of("prompt", prompt, "tokens", tokens);
    }

    private List<BenchmarkRow> rows(JsonNode question) {
        Boundary boundary =
                new Boundary(question.path("layers").asInt(model.config().numLayers()));
        List<BenchmarkRow> rows = new ArrayList<>();
        for (int i = 0; i < question.path("prompts").size(); i++) {
            List<Integer> prompt = new ArrayList<>();
            question.path("prompts").path(i).forEach(token -> prompt.add(token.asInt()));
            JsonNode adapter = question.path("adapters").path(i);
            rows.add(new BenchmarkRow(
                    prompt, adapter.isInt() ? Optional.of(adapters.get(adapter.asInt())) : Optional.empty(), boundary));
        }
        return rows;
    }
}
