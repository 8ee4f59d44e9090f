package io.tidemark.verification;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tidemark.boundary.Boundary;
import io.tidemark.model.SafetensorsFile;
import io.tidemark.model.StoredTensor;
import java.io.IOException;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The outputs of transformers and PEFT for one adapter: {@code expected.json} and, if present,
 * {@code expected-logits.safetensors} in the adapter's folder. {@code tools/reference.py} writes both.
 */
record Reference(List<Prompt> prompts, List<Pair> pairs, List<Conversation> conversations, Choices choices) {

    static final String FILE = "expected.json";

    private static final ObjectMapper JSON = new ObjectMapper();

    /**
     * @param greedy greedy continuation by boundary, with its end-of-sequence token
     * @param logits logits {@code [vocabulary]} after the prompt by boundary; empty if the reference has none
     */
    record Prompt(String text, List<Integer> ids, Map<Boundary, List<Integer>> greedy, Map<Boundary, float[]> logits) {}

    /** @param logprobs sum over the completion's tokens at boundaries 0 .. L */
    record Pair(String prompt, String completion, List<Integer> completionIds, List<Double> logprobs) {}

    /** @param rendered output of the model's chat template */
    record Conversation(List<Map<String, Object>> messages, List<Map<String, Object>> tools, String rendered) {}

    /** The boundaries that are chosen from the curve of the pairs. */
    record Choices(int best, int oneStandardError, int noWorseThanFull) {}

    /**
     * Reads the reference in an adapter's folder.
     *
     * @throws IllegalArgumentException when a file cannot be read or is incomplete
     */
    static Reference read(Path adapter) {
        JsonNode root = parse(adapter.resolve(FILE));
        Path logitsFile = adapter.resolve("expected-logits.safetensors");
        Map<String, StoredTensor> logits =
                Files.isRegularFile(logitsFile) ? SafetensorsFile.read(logitsFile) : Map.of();
        List<Prompt> prompts = new ArrayList<>();
        for (JsonNode prompt : root.path("prompts")) {
            prompts.add(new Prompt(
                    prompt.path("text").asText(),
                    ints(prompt.path("ids")),
                    greedy(prompt),
                    logits("prompt" + prompts.size() + ".boundary", logits)));
        }
        List<Pair> pairs = new ArrayList<>();
        for (JsonNode pair : root.path("pairs")) {
            List<Double> logprobs = new ArrayList<>();
            pair.path("logprob_by_boundary").forEach(value -> logprobs.add(value.doubleValue()));
            pairs.add(new Pair(
                    pair.path("prompt").asText(),
                    pair.path("completion").asText(),
                    ints(pair.path("completion_ids")),
                    logprobs));
        }
        int logitsRead =
                prompts.stream().mapToInt(prompt -> prompt.logits().size()).sum();
        if (logitsRead != logits.size()) {
            throw new IllegalArgumentException(logitsFile + " has " + logits.size() + " tensors, but only " + logitsRead
                    + " are named promptI.boundaryB without a gap");
        }
        if (prompts.isEmpty() || pairs.isEmpty()) {
            throw new IllegalArgumentException(adapter.resolve(FILE) + " has no prompts or no pairs");
        }
        return new Reference(
                prompts,
                pairs,
                conversations(root.path("chat")),
                new Choices(
                        root.path("best_boundary").asInt(-1),
                        root.path("one_standard_error_boundary").asInt(-1),
                        root.path("latency_boundary").asInt(-1)));
    }

    private static JsonNode parse(Path file) {
        try {
            return JSON.readTree(file.toFile());
        } catch (IOException e) {
            throw new IllegalArgumentException(file + " could not be read: " + e.getMessage(), e);
        }
    }

    /** Greedy continuations are a list over all boundaries, or a map from some of them. */
    private static Map<Boundary, List<Integer>> greedy(JsonNode prompt) {
        Map<Boundary, List<Integer>> greedy = new TreeMap<>();
        prompt.path("greedy").forEach(tokens -> greedy.put(new Boundary(greedy.size()), ints(tokens)));
        prompt.path("greedy_by_boundary")
                .properties()
                .forEach(entry -> greedy.put(new Boundary(Integer.parseInt(entry.getKey())), ints(entry.getValue())));
        return greedy;
    }

    private static Map<Boundary, float[]> logits(String prefix, Map<String, StoredTensor> stored) {
        Map<Boundary, float[]> logits = new TreeMap<>();
        for (int b = 0; stored.containsKey(prefix + b); b++) {
            StoredTensor tensor = stored.get(prefix + b);
            float[] values = new float[Math.toIntExact(tensor.shape().get(0))];
            tensor.bytes().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(values);
            logits.put(new Boundary(b), values);
        }
        return logits;
    }

    private static List<Conversation> conversations(JsonNode chat) {
        List<Conversation> conversations = new ArrayList<>();
        for (JsonNode one : chat) {
            List<Map<String, Object>> messages = new ArrayList<>();
            one.path("messages").forEach(m -> messages.add(object(m)));
            List<Map<String, Object>> tools = new ArrayList<>();
            one.path("tools").forEach(t -> tools.add(object(t)));
            conversations.add(
                    new Conversation(messages, tools, one.path("rendered").asText()));
        }
        return conversations;
    }

    private static Map<String, Object> object(JsonNode node) {
        return JSON.convertValue(node, new TypeReference<LinkedHashMap<String, Object>>() {});
    }

    private static List<Integer> ints(JsonNode array) {
        List<Integer> values = new ArrayList<>();
        array.forEach(value -> values.add(value.intValue()));
        return values;
    }
}
