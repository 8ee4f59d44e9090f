package io.tidemark.generation;

import io.tidemark.boundary.Boundary;
import io.tidemark.model.LoraWeights;
import io.tidemark.model.Sampling;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * One request as the engine takes it: adapter and boundary are pinned here for the request's whole life.
 *
 * @param id        names the request in events, logs and cancellations
 * @param lora      the adapter's weights, empty for the base model
 * @param boundary  where the adapter ends; ignored without an adapter
 * @param prompt    token ids, special tokens included, at least one
 * @param maxTokens the most tokens each choice may have, 1 or more
 * @param sampling  how tokens are chosen
 * @param seed      random numbers are a function of (seed, choice, position) only
 * @param choices   how many completions to make, 1 or more
 * @param stop      text that ends a choice; it is not part of the choice's text
 * @param logprobs  how many of the most likely tokens to report beside each chosen one; empty for no log-probabilities
 */
public record GenerationRequest(
        String id, Optional<LoraWeights> lora, Boundary boundary, List<Integer> prompt, int maxTokens,
        Sampling sampling, long seed, int choices, List<String> stop, OptionalInt logprobs) {

    public GenerationRequest {
        prompt = List.copyOf(prompt);
        stop = List.copyOf(stop);
        if (prompt.isEmpty()) {
            throw new IllegalArgumentException("request '" + id + "' has an empty prompt");
        }
        if (maxTokens < 1 || choices < 1) {
            throw new IllegalArgumentException("request '" + id + "' asks for no tokens or no choices");
        }
    }
}
