package io.tidemark.generation;

import io.tidemark.boundary.Boundary;
import io.tidemark.model.LoraWeights;
import io.tidemark.model.Sampling;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/** A request that says only what matters to a test; greedy, 12 tokens, on the base model unless told otherwise. */
record Ask(String id, List<Integer> prompt, Optional<LoraWeights> lora, int boundary, int tokens, Sampling sampling, long seed,
        int choices, List<String> stop, OptionalInt logprobs) {

    static Ask about(String id, List<Integer> prompt) {
        return new Ask(id, prompt, Optional.empty(), 0, 12, Sampling.GREEDY, 0, 1, List.of(), OptionalInt.empty());
    }

    Ask with(LoraWeights adapter, int boundaryLayers) {
        return new Ask(id, prompt, Optional.of(adapter), boundaryLayers, tokens, sampling, seed, choices, stop, logprobs);
    }

    Ask tokens(int most) {
        return new Ask(id, prompt, lora, boundary, most, sampling, seed, choices, stop, logprobs);
    }

    Ask sampled(double temperature, long withSeed) {
        return new Ask(id, prompt, lora, boundary, tokens, new Sampling(temperature, 1, 0, 0, 1), withSeed, choices, stop, logprobs);
    }

    Ask choices(int n) {
        return new Ask(id, prompt, lora, boundary, tokens, sampling, seed, n, stop, logprobs);
    }

    Ask stop(String... texts) {
        return new Ask(id, prompt, lora, boundary, tokens, sampling, seed, choices, List.of(texts), logprobs);
    }

    Ask logprobs(int top) {
        return new Ask(id, prompt, lora, boundary, tokens, sampling, seed, choices, stop, OptionalInt.of(top));
    }

    GenerationRequest request() {
        return new GenerationRequest(id, lora, new Boundary(boundary), prompt, tokens, sampling, seed, choices, stop, logprobs);
    }
}
