package io.tidemark.client;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Optional;

/**
 * One record of {@code generation-results}.
 *
 * @param id   the request's id
 * @param json the whole record
 */
public record Answer(String id, JsonNode json) {

    private static final double MILLIS_PER_SECOND = 1000;

    /** The adapter's id, or the name of the base model. */
    public String adapter() {
        return json.path("model").asText();
    }

    /** The text of the first choice; empty if the request failed. */
    public String text() {
        JsonNode choice = json.path("choices").path(0);
        return choice.has("text")
                ? choice.path("text").asText()
                : choice.path("message").path("content").asText();
    }

    /** The finish reason of the first choice; empty if the request failed. */
    public String finishReason() {
        return json.path("choices").path(0).path("finish_reason").asText();
    }

    /** The number of generated tokens of all choices. */
    public int completionTokens() {
        return json.path("usage").path("completion_tokens").asInt();
    }

    /** The number of layers that used the adapter; 0 if the record does not contain it. */
    public int boundary() {
        return json.path("tidemark").path("boundary").asInt();
    }

    /** The number of layers of the worker's model; 0 if the record does not contain it. */
    public int numLayers() {
        return json.path("tidemark").path("num_layers").asInt();
    }

    /** Generated tokens over the time from leaving the queue to the end; 0 if no token was generated. */
    public double tokensPerSecond() {
        JsonNode times = json.path("tidemark");
        double running =
                times.path("total_ms").asDouble() - times.path("queued_ms").asDouble();
        return running <= 0 ? 0 : completionTokens() * MILLIS_PER_SECOND / running;
    }

    /** The error's code and message; empty if the request succeeded. */
    public Optional<String> error() {
        JsonNode error = json.path("error");
        return error.isObject()
                ? Optional.of(error.path("code").asText() + ": "
                        + error.path("message").asText())
                : Optional.empty();
    }
}
