package io.tidemark.decoder.sampling;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Sampling parameters and the probabilities that transformers gives each token; from
 * {@code tools/sampling_reference.py}.
 */
record TransformersCase(
        SamplingParams sampling,
        List<Integer> prompt,
        List<Integer> generated,
        Set<Integer> banned,
        Map<Integer, Double> probabilities) {

    /** The token before the logits. */
    static final int TOKEN = 31;

    static List<TransformersCase> all() {
        try (InputStream in = TransformersCase.class.getResourceAsStream("/sampling/expected.json")) {
            JsonNode root = new ObjectMapper().readTree(in);
            List<TransformersCase> cases = new ArrayList<>();
            root.path("cases")
                    .forEach(one -> cases.add(new TransformersCase(
                            sampling(one),
                            tokens(root.path("prompt")),
                            tokens(root.path("generated")),
                            new HashSet<>(tokens(one.path("banned"))),
                            numbers(one.path("probabilities")))));
            return cases;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    TokenCounts seen() {
        TokenCounts seen = new TokenCounts(prompt);
        generated.forEach(seen::add);
        return seen;
    }

    double probability(int token) {
        return probabilities.getOrDefault(token, 0.0);
    }

    int mostLikely() {
        return probabilities.entrySet().stream()
                .max(Map.Entry.comparingByValue())
                .orElseThrow()
                .getKey();
    }

    @Override
    public String toString() {
        return sampling + (banned.isEmpty() ? "" : " without " + banned);
    }

    private static SamplingParams sampling(JsonNode one) {
        return new SamplingParams(
                one.path("temperature").asDouble(),
                one.path("top_p").asDouble(1),
                one.path("top_k").asInt(0),
                one.path("min_p").asDouble(0),
                new Penalties(
                        one.path("repetition_penalty").asDouble(1),
                        one.path("presence_penalty").asDouble(0),
                        one.path("frequency_penalty").asDouble(0)),
                numbers(one.path("logit_bias")));
    }

    private static List<Integer> tokens(JsonNode list) {
        List<Integer> tokens = new ArrayList<>();
        list.forEach(token -> tokens.add(token.asInt()));
        return tokens;
    }

    private static Map<Integer, Double> numbers(JsonNode object) {
        Map<Integer, Double> numbers = new HashMap<>();
        object.properties()
                .forEach(field -> numbers.put(
                        Integer.valueOf(field.getKey()), field.getValue().asDouble()));
        return numbers;
    }
}
