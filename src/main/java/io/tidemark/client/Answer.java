package io.tidemark.client;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Optional;

/**
 * One record of {@code generation-results}.
 *
 * @param id   the request's id
 * @param json the record as it came, for those who want all of it
 */
public record Answer(String id, JsonNode json) {

    private static final double MILLIS_PER_SECOND = 1000;

    /** The adapter that answered. */
    public String adapter() {
        return json.path("model").asText();
    }

    /** The first choice's text; empty when the request failed. */
    public String text() {
        JsonNode choice = json.path("choices").path(0);
        return choice.has("text")
                ? choice.path("text").asText()
                : choice.path("message").path("content").asText();
    }

    /** Of the first choice; empty in an error. */
    public String finishReason() {
        return json.path("choices").path(0).path("finish_reason").asText();
    }

    /** Of all choices together. */
    public int completionTokens() {
        return json.path("usage").path("completion_tokens").asInt();
    }

    /** How many layers used the adapter; 0 where the answer does not say. */
    public int boundary() {
        return json.path("tidemark").path("boundary").asInt();
    }

    /** Layers of the worker's model; 0 where the answer does not say. */
    public int numLayers() {
        return json.path("tidemark").path("num_layers").asInt();
    }

    /** Generated tokens over the time from leaving the queue to the end; 0 when nothing was generated. */
    public double tokensPerSecond() {
        JsonNode times = json.path("tidemark");
        double running =
                times.path("total_ms").asDouble() - times.path("queued_ms").asDouble();
        return running <= 0 ? 0 : completionTokens() * MILLIS_PER_SECOND / running;
    }

    /** Why there is no text: the code, and the sentence for people. */
    public Optional<String> error() {
        JsonNode error = json.path("error");
        return error.isObject()
                ? Optional.of(error.path("code").asText() + ": "
                        + error.path("message").asText())
                : Optional.empty();
    }
}
