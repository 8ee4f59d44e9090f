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
 * @param ending    what ends each choice
 * @param sampling  how tokens are chosen
 * @param seed      random numbers are a function of (seed, choice, position) only
 * @param choices   how many completions to make, 1 or more
 * @param logprobs  how many of the most likely tokens to report beside each chosen one; empty for no log-probabilities
 */
public record GenerationRequest(
        String id,
        Optional<LoraWeights> lora,
        Boundary boundary,
        List<Integer> prompt,
        Ending ending,
        Sampling sampling,
        long seed,
        int choices,
        OptionalInt logprobs) {

    public GenerationRequest {
        prompt = List.copyOf(prompt);
        if (prompt.isEmpty()) {
            throw new IllegalArgumentException("request '" + id + "' has an empty prompt");
        }
        if (choices < 1) {
            throw new IllegalArgumentException("request '" + id + "' asks for no choices");
        }
    }

    /** The same request for an adapter that was looked up meanwhile. */
    public GenerationRequest withAdapter(Optional<LoraWeights> weights, Boundary layers) {
        return new GenerationRequest(id, weights, layers, prompt, ending, sampling, seed, choices, logprobs);
    }

    /** The most tokens each choice may have. */
    public int maxTokens() {
        return ending.maxTokens();
    }
}
